"""With which code does a command end?"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from toolrun.errors import ConfigError, MissingExtra, ServerError, ToolDefinitionError

if TYPE_CHECKING:
    from toolrun.answer import Answer


class Interrupted(Exception):
    """A signal ended the command; there is nothing to explain."""


class Exit(IntEnum):
    """The exit codes of every command."""

    ANSWER = 0
    NO_ANSWER = 1
    USAGE = 2
    LIMITED = 3
    DENIED = 4
    SERVER = 5
    PARKED = 6
    INTERRUPTED = 130


def of_answer(answer: Answer, *, denied: bool = False) -> Exit:
    """The code for how a turn ended.

    Args:
        answer: of the turn.
        denied: whether one of its calls was denied by whoever decides.
    """
    match answer.status:
        case "finished" if answer.text and not denied:
            return Exit.ANSWER
        case "limited":
            return Exit.LIMITED
        case "parked":
            return Exit.PARKED
        case "cancelled":
            return Exit.INTERRUPTED
    return Exit.DENIED if denied else Exit.NO_ANSWER


def of_error(error: Exception) -> Exit:
    """The code for an error that ended a command."""
    if isinstance(error, ConfigError | ToolDefinitionError | MissingExtra):
        return Exit.USAGE
    if isinstance(error, ServerError):
        return Exit.SERVER
    return Exit.NO_ANSWER
