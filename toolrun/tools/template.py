"""Does the command of a manifest fit its parameters?"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from toolrun.errors import ConfigError
from toolrun.tools.command import Command, Group, Word, parse_word, parse_words

if TYPE_CHECKING:
    from collections.abc import Sequence


def command_of(table: dict[str, Any], parameters: dict[str, Any], where: str) -> Command:
    """The command of a manifest's tool.

    Args:
        table: the tool in the manifest, which fits the manifest's schema.
        parameters: the JSON Schema of its arguments.
        where: what an error begins with: file, and the key as far as it is known.

    Raises:
        ConfigError: a placeholder that names no parameter, or one that may have no value where it
            needs one; a parameter that nothing uses.
    """
    properties: dict[str, Any] = parameters.get("properties", {})
    try:
        words = parse_words(table["command"])
        stdin = parse_word(table["stdin"]) if "stdin" in table else None
    except ValueError as error:
        raise ConfigError(f"{where}command': {error}") from error
    dashes = table.get("allow_dashes", [])
    used = [name for word in _all_words(words, stdin) for name in word.names]
    for key, names in (("command", used), ("allow_dashes", dashes)):
        _check_names(names, properties, f"{where}{key}': ")
    for name in properties:
        if name not in used:
            raise ConfigError(
                f"{where}parameters': {name!r} is in no placeholder; write {{{name}}} in the "
                "command or in stdin, or remove it"
            )
    _check_optional(words, parameters, where)
    return Command(
        words=words,
        stdin=stdin,
        dashes=frozenset(dashes),
        defaults={
            name: each["default"]
            for name, each in properties.items()
            if isinstance(each, dict) and "default" in each
        },
    )


def _all_words(words: Sequence[Word | Group], stdin: Word | None) -> list[Word]:
    found = [
        each for group in words for each in (group.words if isinstance(group, Group) else [group])
    ]
    return [*found, stdin] if stdin is not None else found


def _check_names(names: Sequence[str], properties: dict[str, Any], where: str) -> None:
    for name in names:
        if name not in properties:
            near = difflib.get_close_matches(name, properties, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {list(properties)}"
            raise ConfigError(f"{where}there is no parameter {name!r}; {hint}")


def _check_optional(words: Sequence[Word | Group], parameters: dict[str, Any], where: str) -> None:
    """Refuse `--depth={depth}` where a call may leave depth out."""
    for word in words:
        if isinstance(word, Group) or word.whole is not None:
            continue
        for name in word.names:
            each = parameters["properties"][name]
            default = isinstance(each, dict) and "default" in each
            if name not in parameters.get("required", []) and not default:
                raise ConfigError(
                    f"{where}command': {name!r} may be left out, and {{{name}}} is a part of a "
                    "word; put the word in a list of its own, give a default, or require it"
                )
