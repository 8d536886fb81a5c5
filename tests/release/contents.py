"""What belongs into the wheel and into the sdist?"""

from __future__ import annotations

import tarfile
import zipfile
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHIPPED: Final = ("schemas", "sandboxes")
"""Folders beside the package that lie in it, under `_shipped`, in the wheel."""
SHARED: Final = (
    "man/man1/toolrun.1",
    "bash-completion/completions/toolrun",
    "fish/vendor_completions.d/toolrun.fish",
    "zsh/site-functions/_toolrun",
)
"""What lands below an environment's share/."""
ABOUT: Final = ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")


def of_the_wheel(tree: Path, version: str) -> set[str]:
    """The names that a wheel of these sources has: the package, what ships with it, no tests."""
    code = {f"toolrun/{name}" for name in _files(tree / "toolrun")}
    shipped = {
        f"toolrun/_shipped/{folder}/{name}" for folder in SHIPPED for name in _files(tree / folder)
    }
    shared = {f"toolrun-{version}.data/data/share/{name}" for name in SHARED}
    return code | shipped | shared | {f"toolrun-{version}.dist-info/{name}" for name in ABOUT}


def of_the_sdist(tree: Path, version: str) -> set[str]:
    """The names that an sdist of these sources has: all of them, and its metadata."""
    return {f"toolrun-{version}/{name}" for name in (*_files(tree), "PKG-INFO")}


def differences(archive: Path, expected: set[str]) -> list[str]:
    """Say what an archive lacks of the expected names, and what it has beyond them."""
    names = {name for name, _ in _members(archive)}
    return [
        *(f"{archive.name} lacks {name}" for name in sorted(expected - names)),
        *(f"{archive.name} has {name}, too" for name in sorted(names - expected)),
    ]


def naming(archive: Path, *folders: Path) -> list[str]:
    """Say which members name one of these folders: a path of the machine that built them."""
    return [
        f"{name} of {archive.name} names {folder}"
        for name, content in _members(archive)
        for folder in folders
        if str(folder).encode() in content
    ]


def unlike(one: Path, other: Path) -> list[str]:
    """Say which members of two archives differ; where none does, they are packed otherwise."""
    first, second = dict(_members(one)), dict(_members(other))
    names = sorted(
        name for name in first.keys() | second.keys() if first.get(name) != second.get(name)
    )
    return [f"{one.name}: {name or 'how it is packed'} differs" for name in names or [""]]


def _files(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            yield str(path.relative_to(folder))


def _members(archive: Path) -> Iterator[tuple[str, bytes]]:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            yield from ((name, wheel.read(name)) for name in wheel.namelist())
        return
    with tarfile.open(archive) as sdist:
        for member in sdist:
            if (file := sdist.extractfile(member)) is not None:
                yield member.name, file.read()
