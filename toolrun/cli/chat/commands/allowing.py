"""Which calls run without a question, and how does a person change that?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from toolrun.cli.chat.commands.command import Command
from toolrun.cli.chat.commands.words import nearest, split
from toolrun.cli.screen import WARNING
from toolrun.errors import ConfigError
from toolrun.values import Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolrun.cli.chat.conversation import Conversation

_USAGE: Final = "/approve TOOL [ARGUMENT=PATTERN ...], or /approve remove NUMBER|all"


async def _approve(talk: Conversation, rest: str) -> None:
    typed = split(rest)
    if not typed:
        _show(talk)
    elif typed[0] == "remove":
        await _remove(talk, typed[1:])
    else:
        await _add(talk, typed[0], typed[1:])


def _show(talk: Conversation) -> None:
    from toolrun.cli.chat.view.blocks import table

    rules = talk.session.allowed
    if rules:
        rows = [(str(number), shown(rule)) for number, rule in enumerate(rules, 1)]
        talk.face.put(table(rows, title="calls that run without a question"))
        talk.face.say("/approve remove NUMBER has one asked about again")
        return
    asking = [each.name for each in talk.tools if each.approve]
    which = f"; these ask: {', '.join(asking)}" if asking else "; no tool asks for approval"
    talk.face.say(f"no call is approved beforehand{which}")


def shown(rule: Rule) -> str:
    """A rule as it is typed."""
    words = [rule.tool]
    for name, value in rule.arguments.items():
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        words.append(f"{name}={text}")
    return " ".join(f'"{word}"' if " " in word else word for word in words)


async def _remove(talk: Conversation, typed: list[str]) -> None:
    rules = talk.session.allowed
    if typed == ["all"]:
        gone = rules
    elif len(typed) == 1 and typed[0].isdigit() and 0 < int(typed[0]) <= len(rules):
        gone = [rules[int(typed[0]) - 1]]
    else:
        there = f"a number from 1 to {len(rules)}, or all" if rules else "nothing: there is none"
        raise ConfigError(f"/approve remove takes {there}")
    await talk.session.disallow(*gone)
    for rule in gone:
        talk.face.say(f"asked about again: {shown(rule)}")


async def _add(talk: Conversation, tool: str, typed: list[str]) -> None:
    rule = Rule(tool, dict(_argument(each) for each in typed))
    names = [each.name for each in talk.tools]
    meant = [each for each in talk.tools if rule.means(each.name)]
    if not meant:
        there = ", ".join(names) or "none"
        raise ConfigError(f"no tool {tool!r}{nearest(tool, names)}; there are {there}")
    _check_names(talk, rule, [each.name for each in meant])
    await talk.session.allow(rule)
    talk.face.say(f"runs without a question from now on: {shown(rule)}")
    trusted = [each.name for each in meant if each.profile is None]
    if trusted:
        talk.face.say(f"in no sandbox: {', '.join(trusted)}", WARNING)
    if not any(each.approve for each in meant):
        talk.face.say("no such call is asked about anyway")


def _check_names(talk: Conversation, rule: Rule, tools: list[str]) -> None:
    """Refuse arguments that no tool has: such a rule would never hold, and seem to.

    Raises:
        ConfigError: there is one.
    """
    known: list[str] = []
    for each in talk.session.state.tools:
        function = each.get("function") or each
        if function.get("name") in tools:
            known += (function.get("parameters") or {}).get("properties") or {}
    for name in rule.arguments:
        if name not in known:
            has = f"it has {', '.join(known)}" if known else "it has none"
            raise ConfigError(f"{rule.tool} has no argument {name!r}{nearest(name, known)}; {has}")


def _argument(text: str) -> tuple[str, Any]:
    """An argument and its pattern; a JSON number, true, false or null has to be equal.

    Raises:
        ConfigError: there is no equals sign.
    """
    name, equals, pattern = text.partition("=")
    if not equals or not name:
        raise ConfigError(f"{text!r} is no ARGUMENT=PATTERN; type {_USAGE}")
    try:
        value = msgspec.json.decode(pattern)
    except msgspec.MsgspecError:
        return name, pattern
    return name, value


def _words(talk: Conversation, rest: str) -> Iterable[str]:
    if " " in rest:
        return ("all",) if rest.startswith("remove ") else ()
    return ("remove", *(each.name for each in talk.tools if each.approve))


COMMANDS = (
    Command(
        name="/approve",
        topic="Tools",
        summary="the calls that run without a question; add some, remove some",
        usage=_USAGE.removeprefix("/approve "),
        more=(
            "Only tools that ask for approval are concerned. In a pattern * stands for any "
            "characters and ? for one; a number, true or false has to be equal. Without arguments "
            "every call of the tool is meant."
        ),
        examples=("/approve send_mail to=*@acme.com", "/approve", "/approve remove 1"),
        run=_approve,
        complete=_words,
    ),
)
