"""What may the tools touch, and how does a person give them more or less?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from toolrun.cli.chat.commands.allowing import shown
from toolrun.cli.chat.commands.changing import settings_now
from toolrun.cli.chat.commands.command import Command
from toolrun.cli.chat.face import Choice, Question
from toolrun.cli.chat.sessions.left import is_asked
from toolrun.cli.screen import WARNING
from toolrun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from toolrun.cli.chat.conversation import Conversation
    from toolrun.sandbox.profile import Chosen, Profile

_WIDER: Final = (
    Choice("y", "yes", "let the tools have it"),
    Choice("n", "no", "leave the profile as it is"),
)


async def _profile(talk: Conversation, rest: str) -> None:
    if rest == "list":
        _list(talk)
    elif rest:
        await _switch(talk, rest)
    else:
        _show(talk)


def _show(talk: Conversation) -> None:
    from toolrun.cli.chat.view.blocks import table
    from toolrun.cli.sandbox_show import touches
    from toolrun.sandbox import load_profile

    settings = settings_now(talk)
    profile = load_profile(settings.profile)
    rows = [
        ("profile", f"{profile.name}: {profile.description}"),
        ("may touch", touches(profile)),
        ("workspace", settings.workspace or "none; toolrun chat --workspace . gives one"),
    ]
    others = [f"{each.name} ({each.where})" for each in talk.tools if each.profile is None]
    others += [
        f"{each.name} ({each.where})"
        for each in talk.tools
        if each.profile is not None and each.profile != profile.name
    ]
    if others:
        rows.append(("other tools", ", ".join(others)))
    talk.face.put(table(rows))
    talk.face.say("/profile list shows those that ship; /profile NAME switches")


def _list(talk: Conversation) -> None:
    from toolrun import resources
    from toolrun.cli.chat.view.blocks import table
    from toolrun.cli.sandbox_show import size
    from toolrun.sandbox import load_profile

    now = settings_now(talk).profile
    rows = []
    for name in resources.names("sandboxes"):
        profile = load_profile(name)
        mark = " (this one)" if name == now else ""
        much = f"{profile.wall_seconds:g} s, {size(profile.memory_bytes)}"
        rows.append((f"{name}{mark}", profile.description, much))
    talk.face.put(table(rows, ("profile", "what it may touch", "and how much")))


async def _switch(talk: Conversation, wanted: Chosen) -> None:
    """Have the tools run by another profile; what gives them more is asked for.

    Raises:
        ConfigError: there is no such profile, or it does not fit; the one before still holds.
    """
    from toolrun.sandbox import load_profile
    from toolrun.sandbox.resolve import label

    before, after = load_profile(settings_now(talk).profile), load_profile(wanted)
    added = list(added_by(before, after))
    if added:
        for each in added:
            talk.face.say(f"{after.name} adds {each}", WARNING)
        if not is_asked(talk):
            raise ConfigError(
                f"{after.name} gives more than {before.name}, and nobody is there to allow it: "
                f"toolrun chat --profile {label(wanted)}"
            )
        question = Question(f"switch from {before.name} to {after.name}?", _WIDER, "no")
        if await talk.face.ask(question) != "yes":
            talk.face.say(f"the profile is {before.name}, as it was")
            return
    await talk.reopen(adopt=True, profile=wanted)  # what tools say of themselves may follow it
    if after.workspace in ("read-only", "writable") and settings_now(talk).workspace is None:
        talk.face.say("there is no workspace to see: toolrun chat --workspace . gives one", WARNING)
    if added:
        await _ask_again(talk)
    less = "" if added else ", which adds nothing"
    talk.face.say(f"the profile is {after.name} from now on{less}")


async def _ask_again(talk: Conversation) -> None:
    """Take back what was approved beforehand: of calls that could do less than they can now.

    Tools in no sandbox can do what they could.
    """
    trusted = [each.name for each in talk.tools if each.profile is None]
    gone = [rule for rule in talk.session.allowed if rule.tool not in trusted]
    await talk.session.disallow(*gone)
    for rule in gone:
        talk.face.say(f"asked about again: {shown(rule)}", WARNING)


def added_by(before: Profile, after: Profile) -> Iterator[str]:
    """What a profile gives more than another, a line each; environment variables, too."""
    from toolrun.cli.sandbox_show import size
    from toolrun.sandbox.narrow import is_within
    from toolrun.sandbox.narrow import shown as in_words

    def said(key: str, value: Any) -> str:
        return size(value) if key.endswith("_bytes") else in_words(value)

    for key, value in msgspec.structs.asdict(after).items():
        old = getattr(before, key)
        if key == "guarantees":
            if lost := [each for each in old if each not in value]:
                yield f"that {', '.join(lost)} are no longer guaranteed"
        elif key == "env":
            if new := [name for name in value if value[name] != old.get(name)]:
                yield f"environment variables: {', '.join(new)}"
        elif key != "name" and not is_within(key, value, old):
            yield f"{key} = {said(key, value)}, instead of {said(key, old)}"


def _names(talk: Conversation, rest: str) -> Iterable[str]:  # noqa: ARG001 - as every command
    from toolrun import resources

    return ("list", *resources.names("sandboxes"))


COMMANDS = (
    Command(
        name="/profile",
        topic="Tools",
        summary="what sandboxed tools may touch, or give them another profile",
        usage="[list|NAME|FILE.toml]",
        more=(
            "A profile that gives more than the one that holds says what it adds, and asks; then "
            "calls of sandboxed tools that were approved beforehand are asked about again. Tools "
            "with a profile of their own keep theirs, and trusted ones are in no sandbox."
        ),
        examples=("/profile", "/profile list", "/profile workspace-ro"),
        run=_profile,
        complete=_names,
    ),
)
