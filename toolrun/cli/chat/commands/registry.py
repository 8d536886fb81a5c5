"""Which commands are there, and which is meant?"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from toolrun.cli.chat.commands import (
    allowing,
    changing,
    examining,
    files,
    history,
    looking,
    profile,
    sessions,
    tracing,
)
from toolrun.cli.chat.commands.words import nearest
from toolrun.cli.screen import WARNING
from toolrun.errors import ToolrunError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolrun.cli.chat.commands.command import Command
    from toolrun.cli.chat.conversation import Conversation

_MODULES = (history, changing, profile, allowing, sessions, files, looking, tracing, examining)
COMMANDS = {each.name: each for module in _MODULES for each in module.COMMANDS}


def command_of(typed: str) -> Command | None:
    """The command that is typed, if it is one."""
    return COMMANDS.get(typed.split(maxsplit=1)[0]) if typed.startswith("/") else None


async def obey(talk: Conversation, typed: str) -> bool:
    """Do what is typed; False to leave."""
    name, *rest = typed.split(maxsplit=1)
    command = COMMANDS.get(name)
    if command is None:
        near = nearest(name, [*COMMANDS])
        path = "; a message that begins with a slash is typed with two" if "/" in name[1:] else ""
        talk.face.say(f"no command {name}{near or path or '; /help lists them'}", WARNING)
        return True
    try:
        return await command.run(talk, rest[0].strip() if rest else "") is not False
    except (ToolrunError, BrokenPipeError):
        raise
    except OSError as error:
        talk.face.say(talk.mask.text(f"{name}: {error}"), WARNING)
    except Exception as error:  # noqa: BLE001 - a fault of ours must not end the conversation
        import structlog

        structlog.get_logger("toolrun").error(
            "command failed", command=name, traceback=traceback.format_exc()
        )
        text = f"{name}: {type(error).__name__}: {error}; this is a bug in toolrun"
        talk.face.say(talk.mask.text(text), WARNING)
    return True


def completions(talk: Conversation, typed: str) -> Iterable[tuple[str, str]]:
    """What may stand in place of the last word of a command that is being typed."""
    name, space, rest = typed.partition(" ")
    if not space:
        return [
            (each.name, each.summary) for each in COMMANDS.values() if each.name.startswith(name)
        ]
    command = COMMANDS.get(name)
    if command is None or command.complete is None:
        return []
    last = rest.rpartition(" ")[2]
    return [(each, "") for each in command.complete(talk, rest) if each.startswith(last)]
