"""What does a profile come to, in words: what it may touch, and where each value stands?"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Final

import msgspec

from toolrun.cli import screen as s
from toolrun.sandbox.narrow import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolrun.sandbox.profile import Profile
    from toolrun.sandbox.resolve import Resolved

_WORKSPACES: Final = {
    "none": "no workspace",
    "read-only": "workspace read-only",
    "writable": "workspace writable",
    "scratch": "an empty folder",
}
_WIDTH: Final = 48
_UNITS: Final = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def touches(profile: Profile) -> str:
    """What a profile may touch, and how much, in a line."""
    network = "no network"
    if profile.network != "none":
        network = ", ".join((*profile.hosts, *profile.private_hosts)) or "no hosts until named"
    return "; ".join(
        (
            _WORKSPACES[profile.workspace],
            network,
            f"{profile.wall_seconds:g} s",
            f"{size(profile.memory_bytes)} of memory",
            f"{size(profile.disk_bytes)} of disk",
            f"{profile.processes} processes",
        )
    )


def size(number: int) -> str:
    """Bytes in the largest unit that keeps them whole."""
    for unit, name in _UNITS:
        if number >= unit and number % unit == 0:
            return f"{number // unit} {name}"
    return f"{number} B"


def lines(found: Resolved) -> Iterator[tuple[s.Style, str]]:
    """The lines that show a profile: each value with the file that it stands in."""
    profile = found.profile
    yield s.NAME, f"{profile.name}: {profile.description}"
    yield s.INDENTED, f"{touches(profile)}"
    yield s.NAME, " extends ".join(found.chain)
    rows = list(_rows(profile))
    width = min(_WIDTH, max(len(text) for _, text in rows))
    for key, text in rows:
        first, *rest = textwrap.wrap(text, width, subsequent_indent="  ")
        yield s.INDENTED, "\n".join([f"{first:<{width}}  {found.origins[key]}", *rest])
    for each in found.widened:
        more, less = _value(each.key, each.after), _value(each.key, each.before)
        yield s.WARNING, f"{each.source} widens {each.key} to {more}, from {less}"


def _rows(profile: Profile) -> Iterator[tuple[str, str]]:
    for key, value in msgspec.structs.asdict(profile).items():
        if key == "env":
            for name, text in value.items():
                yield f"env.{name}", f"env.{name} = {shown(text)}"
        elif key not in {"name", "description"}:
            yield key, f"{key} = {_value(key, value)}"


def _value(key: str, value: Any) -> str:
    return f"{shown(value)} ({size(value)})" if key.endswith("_bytes") else shown(value)
