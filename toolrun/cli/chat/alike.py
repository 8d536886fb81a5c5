"""Which later calls are like this one? A pattern from its arguments, for a person to change."""

from __future__ import annotations

import glob
import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from toolrun.errors import ConfigError
from toolrun.values import Rule

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST: Final = 80
"""Characters of a text that can still be what makes a call the same as another."""
_URL: Final = re.compile(r"(https?://[^/\s?#]+)(?:[/?#]\S*)?")
_PATH: Final = re.compile(r"(?:\.{0,2}/)?(?:[^/\s]+/)+[^/\s]*")
_PLACES: Final = re.compile(r"path|file|folder|dir|url|uri|source|target|src|dest", re.IGNORECASE)
"""What arguments are called that say where something is; `./a` as a command is none of them."""


def pattern_of(arguments: Mapping[str, Any], *, widely: bool) -> dict[str, Any]:
    """The arguments of calls that are like this one, as a `Rule` has them.

    Of a file it is the folder, of an address the host, where the argument's name says that it is
    one; any other text stands for itself, and a long one, such as what a file is to hold, for any.
    Where nothing is left, all stand for themselves.

    Args:
        arguments: of the call.
        widely: whether a folder stands for its files: else a text means only itself, as it has to
            where no sandbox holds a path that leads out of the folder again.
    """
    kept = {
        name: _pattern(value, widely=widely and _PLACES.search(name) is not None)
        for name, value in arguments.items()
        if not (isinstance(value, str) and (len(value) > _LONGEST or "\n" in value))
    }
    return kept or {name: _exactly(value) for name, value in arguments.items()}


def _pattern(value: Any, *, widely: bool) -> Any:
    if not isinstance(value, str) or not widely:
        return _exactly(value)
    if (url := _URL.fullmatch(value)) is not None:
        return f"{glob.escape(url[1])}/*"
    if _PATH.fullmatch(value) and ".." not in value.split("/"):
        return f"{glob.escape(value.rpartition('/')[0])}/*"
    return _exactly(value)


def _exactly(value: Any) -> Any:
    return glob.escape(value) if isinstance(value, str) else value


def rule_of(text: str, tool: str, arguments: Mapping[str, Any]) -> Rule:
    """The rule that a person has written: a JSON object of patterns, by the names of arguments.

    Args:
        text: as it was typed.
        tool: the name of the tool.
        arguments: of the call that waits, which the rule has to mean as well.

    Raises:
        ConfigError: it is no such object, or means another call than the one that waits.
    """
    try:
        patterns = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise ConfigError(
            f'the pattern is no JSON object: {error}; {{"path": "notes/*"}} is one'
        ) from error
    name = glob.escape(tool)
    for key, pattern in patterns.items():
        if key not in arguments:
            raise ConfigError(
                f"the call has no argument {key!r}; it has {', '.join(arguments) or 'none'}"
            )
        if not Rule(name, {key: pattern}).matches(tool, arguments):
            shown = msgspec.json.encode(arguments[key]).decode()
            raise ConfigError(f"the pattern does not mean this call: {key} is {shown} in it")
    return Rule(name, patterns)
