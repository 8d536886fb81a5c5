"""Which file does a person mean, and may it be written?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from toolrun.cli.chat.face import Choice, Question
from toolrun.cli.chat.sessions.left import is_asked
from toolrun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolrun.cli.chat.conversation import Conversation

_OVERWRITE = (
    Choice("y", "yes", "what is in it is lost"),
    Choice("n", "no", "leave it as it is"),
)


def named(rest: str, usage: str) -> Path:
    """The file that is named; `~` is the home folder. Quotes around it are none of it.

    Raises:
        ConfigError: none is.
    """
    text = rest.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]
    if not text:
        raise ConfigError(f"which file? {usage}")
    return Path(text).expanduser()


def there(rest: str, usage: str) -> Path:
    """The file that is named, which has to be there.

    Raises:
        ConfigError: none is named, or there is none.
    """
    path = named(rest, usage)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is not there"
        raise ConfigError(f"{path} {what}; name a file: {usage}")
    return path


async def may_write(talk: Conversation, path: Path) -> bool:
    """Whether a file may be written: one that is there only if the person says so.

    Raises:
        ConfigError: there is no folder for it, or it is one.
    """
    if _is_free(path):
        return True
    if not is_asked(talk):
        raise ConfigError(f"{path} is there already, and nobody to ask: name another file")
    said = await talk.face.ask(Question(f"{path} is there already: write over it?", _OVERWRITE))
    if said == "yes":
        return True
    talk.face.say(f"{path} is as it was")
    return False


def _is_free(path: Path) -> bool:
    if path.is_dir():
        raise ConfigError(f"{path} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise ConfigError(f"there is no folder {path.parent}")
    return not path.exists() and not path.is_symlink()


def same(path: Path | None, other: Path) -> bool:
    """Whether two names are of one file."""
    return path is not None and path.resolve() == other.resolve()


def cleared(path: Path) -> Path:
    """The file that is to be written anew, removed where it is there.

    Raises:
        ConfigError: it cannot be removed.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written over: {error.strerror}") from error
    return path


def complete(talk: Conversation, rest: str) -> Iterable[str]:  # noqa: ARG001 - see `Complete`
    """The files that begin as the last word does."""
    typed = rest.rpartition(" ")[2]
    folder, slash, _ = typed.rpartition("/")
    where = Path(f"{folder}{slash}" or ".").expanduser()
    try:
        found = sorted(where.iterdir())
    except OSError:
        return []
    return [f"{folder}{slash}{each.name}{'/' if each.is_dir() else ''}" for each in found]
