"""What does a trace file begin with, and where does it lie?"""

from __future__ import annotations

import hashlib
import os
import platform
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from msgspec import Struct

from toolrun._version import __version__

if TYPE_CHECKING:
    from toolrun.events import SessionOpened

FORMAT = 2
_LONGEST = 200


class TraceHeader(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True, tag_field="type"
):
    """The first line of a file of a trace, and of what is added to it later.

    Attributes:
        format: the number of the file format; readers refuse a later one.
        toolrun: the version that wrote what follows.
        session: whose events follow.
        created: seconds since the epoch.
        part: which file of the trace it is.
        resumed: whether the recording goes on here after a break: `seq` may jump.
        python: the version of the interpreter.
        openai: the version of the client's package.
        harmony: the version of openai-harmony, where that is installed.
        model: the name of the session's model.
        base_url: of its server, or servers.
    """

    format: int
    toolrun: str
    session: str
    created: float
    part: int = 1
    resumed: bool = False
    python: str = ""
    openai: str = ""
    harmony: str = ""
    model: str = ""
    base_url: str | list[str] = ""


def header_of(
    session: str,
    created: float,
    *,
    part: int = 1,
    resumed: bool = False,
    opened: SessionOpened | None = None,
) -> TraceHeader:
    """The header of a file that this toolrun writes.

    Args:
        session: its id.
        created: seconds since the epoch.
        part: which file of the trace it is, from 1.
        resumed: whether the recording goes on here after a break.
        opened: what the session began with, where that is known.
    """
    model, urls = where(opened)
    return TraceHeader(
        format=FORMAT,
        toolrun=__version__,
        session=session,
        created=round(created, 3),
        part=part,
        resumed=resumed,
        python=platform.python_version(),
        openai=_version("openai"),
        harmony=_version("openai-harmony"),
        model=model,
        base_url=urls,
    )


def where(opened: SessionOpened | None) -> tuple[str, str | list[str]]:
    """The name of a session's model, and the URL of its server, or servers."""
    settings = opened.settings if opened is not None else {}
    urls = settings.get("base_url") or ""
    return str(settings.get("model") or ""), urls if isinstance(urls, str) else list(urls)


@cache
def _version(package: str) -> str:
    """The version of a package that may be installed; it is not imported."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def default_trace_path(session_id: str) -> Path:
    """Where a session's trace lies if nothing else is said: below `$XDG_STATE_HOME`.

    Any id gives one plain file name; a long one is cut and told apart by its hash.
    """
    state = os.environ.get("XDG_STATE_HOME", "")
    base = Path(state) if Path(state).is_absolute() else Path.home() / ".local" / "state"
    return base / "toolrun" / "traces" / f"{_named(session_id)}.jsonl"


def beside(path: Path, session_id: str) -> Path:
    """Where a session's trace lies if another's is at a path already: `NAME-ID.jsonl`."""
    if path.exists() and not path.is_file():  # a pipe or a terminal takes both
        return path
    return path.with_name(f"{path.stem}-{_named(session_id)}{path.suffix}")


def _named(session_id: str) -> str:
    name = quote(session_id, safe="") or "_"
    if len(name) > _LONGEST:
        digest = hashlib.sha256(session_id.encode("utf-8", "surrogatepass")).hexdigest()
        name = f"{name[: _LONGEST - 17]}-{digest[:16]}"
    return name
