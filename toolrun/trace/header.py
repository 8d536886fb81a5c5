"""What does a trace file begin with, and where does it lie?"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from urllib.parse import quote

from msgspec import Struct

FORMAT = 1
_LONGEST = 200


class TraceHeader(Struct, frozen=True, kw_only=True, tag=True, tag_field="type"):
    """The first line of a trace.

    Attributes:
        format: the number of the file format; readers refuse a later one.
        toolrun: the version that wrote the file.
        session: whose events follow.
        created: seconds since the epoch.
    """

    format: int
    toolrun: str
    session: str
    created: float


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
