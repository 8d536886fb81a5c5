"""What is a layer, and what became of what a call wrote into it?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, Protocol

import msgspec

from toolrun.values import FileChange

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

Parts = tuple[str, ...]
"""A path inside the workspace, as its components."""

_NAMES: Final = 10
_CHARACTERS: Final = 200


class Marks(Protocol):
    """How a layer says what has changed."""

    def unchanged(self, parts: Parts, status: os.stat_result) -> bool:
        """Whether something in the layer is as it was at its beginning."""
        ...

    def is_whiteout(self, status: os.stat_result) -> bool:
        """Whether it stands for something that was deleted."""
        ...

    def gone(self, parts: Parts, layer: int, workspace: Sequence[str]) -> Iterable[str]:
        """The names in a folder of the workspace that a folder of the layer has no more."""
        ...


class Layer(msgspec.Struct, frozen=True, eq=False):
    """What a call may write: a sized file system over, or beside, a folder that stays as it is.

    Attributes:
        folder: the workspace, absolute and resolved.
        source: what a box binds in its place, in the namespace that `prefix` leads to.
        prefix: the command that leads into that namespace, before the box's own.
        root: descriptor of the folder that holds what was written.
        marks: how it says what is gone: as an overlay does, or by what was copied into it.
        kind: whether it lies over the workspace, or began as a copy of it.
    """

    folder: str
    source: str
    prefix: tuple[str, ...]
    root: int
    marks: Marks
    kind: Literal["overlay", "copy"] = "overlay"


class Refused(msgspec.Struct, frozen=True):
    """Something that a call left in its layer and that is not kept, and why.

    Attributes:
        path: inside the workspace.
        why: for people.
    """

    path: str
    why: str


class Kept(msgspec.Struct, frozen=True):
    """What a call did to the workspace.

    Attributes:
        changes: what was recorded and made, in order.
        refused: what was not kept of what the call left, and why.
        dropped: whether it wrote something and was ended before it was done: nothing is kept then.
    """

    changes: tuple[FileChange, ...] = ()
    refused: tuple[Refused, ...] = ()
    dropped: bool = False

    @property
    def note(self) -> str:
        """What the model is told of it; empty where there is nothing to tell."""
        if self.dropped:
            return "[It was ended before it was done: nothing that it wrote was kept.]"
        failed = {each.path for each in self.refused}
        names = dict.fromkeys(_name(each) for each in self.changes if each.path not in failed)
        lines = [f"[Changed: {_listed(list(names))}]"] if names else []
        if self.refused:
            whys = [f"{_shown(each.path)} ({_shown(each.why)})" for each in self.refused]
            lines.append(f"[Not kept: {_listed(whys)}]")
        return "\n".join(lines)


def _name(change: FileChange) -> str:
    deleted = "deleted " if change.change == "deleted" else ""
    return f"{deleted}{_shown(change.path)}{'/' if change.folder else ''}"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMES
    return ", ".join(names[:_NAMES]) + (f" (+{more})" if more > 0 else "")


def _shown(text: str) -> str:
    """A text that the model, a log and a terminal can take, whatever a tool called its files."""
    plain = text if text.isprintable() else repr(text)[1:-1]
    return plain if len(plain) <= _CHARACTERS else plain[:_CHARACTERS] + "..."
