"""How does a recorded trace come to its place, whole or not at all?

Several workers may record at once, and a test may fail: a trace is written in a folder of its own
beside its place, under its own name, and moved once the test has passed.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path


class NewTrace:
    """A trace that is being recorded.

    Args:
        place: where it shall lie in the end; its folder is made.

    Attributes:
        path: where it is written.

    Raises:
        ValueError: the place is not one for a recording.
    """

    def __init__(self, place: Path) -> None:
        if place.suffix != ".jsonl":
            raise ValueError(f"{place}: a trace is recorded as NAME.jsonl; name it so in the mark")
        place.parent.mkdir(parents=True, exist_ok=True)
        self.place = place
        self._folder = _new_folder(place)
        self.path: Path = self._folder / place.name

    def keep(self) -> bool:
        """Move the trace to its place, with what lies beside it; whether there was one."""
        if not self.path.exists():
            self.drop()
            return False
        target = self.place.parent
        others = [each for each in self._folder.iterdir() if each != self.path]
        new = {_move(each, target) for each in others}
        self.path.replace(self.place)  # last: whoever reads it finds the rest
        for old in _beside(self.place) - new:
            _remove(old)
        self.drop()
        return True

    def drop(self) -> None:
        """Forget what was recorded."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _new_folder(place: Path) -> Path:
    return Path(tempfile.mkdtemp(prefix=f".{place.stem}-", suffix=".recording", dir=place.parent))


def _move(source: Path, folder: Path) -> Path:
    """Move a file, or the files of a folder into the one that is there."""
    target = folder / source.name
    if source.is_dir():
        target.mkdir(exist_ok=True)
        names = {each.name for each in source.iterdir()}
        for name in names:
            (source / name).replace(target / name)
        for old in target.iterdir():
            if old.name not in names:
                _remove(old)
    else:
        source.replace(target)
    return target


def _beside(place: Path) -> set[Path]:
    """What belongs to the trace at a place beside the file itself: further parts, large results."""
    part = re.compile(rf"{re.escape(place.stem)}(\.\d+\.jsonl(\.gz)?|\.jsonl\.gz|\.blobs)")
    return {each for each in place.parent.iterdir() if part.fullmatch(each.name)}


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
