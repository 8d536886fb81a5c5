"""Which commands are there, and which is meant?"""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import Struct

from toolrun.cli.screen import WARNING

if TYPE_CHECKING:
    from toolrun.cli.chat.conversation import Conversation

Obey: TypeAlias = Callable[[Any, str], Awaitable[bool | None]]
Complete: TypeAlias = Callable[[Any, str], Iterable[str]]


class Command(Struct, frozen=True):
    """Something that is done where its name is typed.

    Attributes:
        name: with its slash.
        summary: what it does, in a line.
        usage: what may follow the name.
        example: as one would type it.
        run: is given what follows the name; returns False to leave.
        at_once: whether it may be obeyed while a turn runs; else it waits like a message.
        complete: what may follow.
    """

    name: str
    summary: str
    usage: str
    example: str
    run: Obey
    at_once: bool = False
    complete: Complete | None = None


async def _exit(talk: Conversation, rest: str) -> bool:  # noqa: ARG001 - as every command
    return False


async def _help(talk: Conversation, rest: str) -> None:  # noqa: ARG001 - as every command
    for each in COMMANDS.values():
        talk.face.say(f"{each.name:<8} {each.summary}")


async def _tools(talk: Conversation, rest: str) -> None:  # noqa: ARG001 - as every command
    for tool in talk.tools:
        talk.face.say(f"{tool}: {tool.description}")
    if not talk.tools:
        talk.face.say("none; give some with --tools FILE")


async def _usage(talk: Conversation, rest: str) -> None:  # noqa: ARG001 - as every command
    usage = talk.session.state.usage
    talk.face.say(
        f"{usage.prompt_tokens:,} prompt tokens ({usage.cached_tokens:,} cached), "
        f"{usage.completion_tokens:,} completion tokens"
    )


async def _trace(talk: Conversation, rest: str) -> None:  # noqa: ARG001 - as every command
    path = talk.session.trace_path
    talk.face.say(str(path) if path else "none; --trace FILE writes one")


_ALL = (
    Command("/help", "the commands", "[COMMAND]", "/help undo", _help, at_once=True),
    Command("/tools", "the tools, and where each of them runs", "", "/tools", _tools, at_once=True),
    Command("/usage", "the tokens of this session", "", "/usage", _usage, at_once=True),
    Command("/trace", "where the trace is written", "", "/trace", _trace, at_once=True),
    Command("/exit", "leave; so do Ctrl-D, and Ctrl-C twice", "", "/exit", _exit),
)
COMMANDS = {each.name: each for each in _ALL}


def command_of(typed: str) -> Command | None:
    """The command that is typed, if it is one."""
    return COMMANDS.get(typed.split(maxsplit=1)[0]) if typed.startswith("/") else None


async def obey(talk: Conversation, typed: str) -> bool:
    """Do what is typed; False to leave."""
    name, _, rest = typed.partition(" ")
    command = COMMANDS.get(name)
    if command is None:
        near = difflib.get_close_matches(name, COMMANDS, n=1, cutoff=0.7)
        hint = f"did you mean {near[0]}?" if near else "/help lists them"
        talk.face.say(f"no command {name}; {hint}", WARNING)
        return True
    return await command.run(talk, rest.strip()) is not False


def completions(talk: Conversation, typed: str) -> Iterable[tuple[str, str]]:
    """What may stand in place of the last word of a command that is being typed."""
    name, space, rest = typed.partition(" ")
    if not space:
        return [(each.name, each.summary) for each in _ALL if each.name.startswith(name)]
    command = COMMANDS.get(name)
    if command is None or command.complete is None:
        return []
    return [(each, "") for each in command.complete(talk, rest)]
