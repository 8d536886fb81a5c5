"""What follows the name of a command, and what would fit where that does not?"""

from __future__ import annotations

import difflib
import shlex
from typing import TYPE_CHECKING, Any, Final

from toolrun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_CUTOFF: Final = 0.6


def split(rest: str) -> list[str]:
    """The words of a line as a shell has them: quotes keep spaces together.

    Raises:
        ConfigError: a quote is not closed.
    """
    try:
        return shlex.split(rest)
    except ValueError as error:
        raise ConfigError(f"{rest}: {str(error).lower()}") from error


def nearest(word: str, known: Sequence[str]) -> str:
    """A hint at the known word that is most like another: "; did you mean ...?", or nothing."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=_CUTOFF)
    return f"; did you mean {near[0]}?" if near else ""


def one_of(word: str, known: Sequence[str], what: str) -> str:
    """The word, which has to be one of those that are known.

    Raises:
        ConfigError: it is none of them.
    """
    if word in known:
        return word
    fits = ", ".join(known[:-1]) + f" or {known[-1]}" if known[1:] else known[0]
    raise ConfigError(f"{what} is {fits}, not {word!r}{nearest(word, known)}")


def nothing_more(rest: str, usage: str) -> None:
    """Refuse words that nothing is done with.

    Raises:
        ConfigError: there are some.
    """
    if rest:
        raise ConfigError(f"{rest!r} is one word too many; {usage} is all there is to type")


def options(rest: str, known: Mapping[str, Callable[[str], Any]], usage: str) -> dict[str, Any]:
    """The values of options such as `--effort high`, by their names, without hyphens.

    Args:
        rest: what was typed.
        known: what makes a value of a text, by the name of the option; it raises ValueError or
            ConfigError for one that does not fit.
        usage: what may be typed.

    Raises:
        ConfigError: there is no such option, or its value is missing or does not fit.
    """
    found: dict[str, Any] = {}
    typed = split(rest)
    while typed:
        name, equals, value = typed.pop(0).partition("=")
        if name not in known:
            raise ConfigError(f"{name!r} is no option here{nearest(name, [*known])}; type {usage}")
        if not equals:
            if not typed:
                raise ConfigError(f"{name} needs a value; type {usage}")
            value = typed.pop(0)
        try:
            found[name.removeprefix("--").replace("-", "_")] = known[name](value)
        except ValueError as error:
            raise ConfigError(f"{name} {value}: that is no {known[name].__name__}") from error
    return found
