"""Attacks by archives that are unpacked in the box, with names that lead out of the folder."""

from __future__ import annotations

import errno
import io
import os
import tarfile
import tempfile
import zipfile
from typing import Any

from .trying import attempt

TEXT = b"planted by an archive"
# As code that knows of no filters does it; interpreters of 2023 and earlier do not, either.
_UNFILTERED: Any = {"filter": "fully_trusted"} if hasattr(tarfile, "data_filter") else {}


def _unpack(archive: io.BytesIO, folder: str, target: str) -> str:
    """ "done" if what is at the target now came from the archive."""
    archive.seek(0)
    why = "refused"
    try:
        with tarfile.open(fileobj=archive) as tar:
            tar.extractall(folder, **_UNFILTERED)
    except (OSError, KeyError) as error:
        number = error.errno if isinstance(error, OSError) else None
        why = errno.errorcode.get(number or 0, why)
    try:
        with open(target, "rb") as file:
            return "done" if file.read() == TEXT else why
    except OSError:
        return why


def _file(tar: tarfile.TarFile, name: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(TEXT)
    tar.addfile(entry, io.BytesIO(TEXT))


def _link(tar: tarfile.TarFile, name: str, target: str, kind: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.type = kind
    entry.linkname = target
    tar.addfile(entry)


def climb(target: str) -> str:
    """A member whose name begins with .. often enough."""
    folder, archive = tempfile.mkdtemp(), io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        _file(tar, "../" * 32 + target.lstrip("/"))
    return _unpack(archive, folder, target)


def absolute(target: str) -> str:
    folder, archive = tempfile.mkdtemp(), io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        _file(tar, target)
    return _unpack(archive, folder, target)


def through_link(target: str) -> str:
    """A link first, then a member that is written through it."""
    folder, archive = tempfile.mkdtemp(), io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        _link(tar, "way", os.path.dirname(target), tarfile.SYMTYPE)
        _file(tar, "way/" + os.path.basename(target))
    return _unpack(archive, folder, target)


def file_link(target: str) -> str:
    """A link to the file itself, opened for writing by the name of the link."""
    folder, archive = tempfile.mkdtemp(), io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        _link(tar, "it", target, tarfile.SYMTYPE)
    archive.seek(0)
    with tarfile.open(fileobj=archive) as tar:
        tar.extractall(folder, **_UNFILTERED)

    def write() -> None:
        with open(f"{folder}/it", "wb") as file:
            file.write(TEXT)

    return attempt(write)


def hard_link(target: str) -> str:
    """A second name of a file, then a change of its mode."""
    folder, archive = (
        os.environ.get("SCRATCH") or tempfile.mkdtemp(dir=_beside(target)),
        io.BytesIO(),
    )
    with tarfile.open(fileobj=archive, mode="w") as tar:
        _link(tar, "it", "../" * 32 + target.lstrip("/"), tarfile.LNKTYPE)
    archive.seek(0)

    def unpack() -> None:
        with tarfile.open(fileobj=archive) as tar:
            tar.errorlevel = 1
            tar.extractall(folder, **_UNFILTERED)
        if not os.path.samefile(f"{folder}/it", target):
            raise OSError(errno.EXDEV, "a copy")

    try:
        return attempt(unpack)
    except KeyError:
        return "ENOENT"


def _beside(target: str) -> str | None:
    folder = os.path.dirname(target)
    return folder if os.access(folder, os.W_OK) else None


def device(name: str) -> str:
    folder, archive = tempfile.mkdtemp(), io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.type, entry.devmajor, entry.devminor = tarfile.BLKTYPE, 254, 0
        tar.addfile(entry)
    archive.seek(0)

    def unpack() -> None:
        with tarfile.open(fileobj=archive) as tar:
            tar.extractall(folder, **_UNFILTERED)

    return attempt(unpack)


def zip_climb(target: str) -> str:
    """zipfile drops the dots itself; code that joins paths does not."""
    folder, archive = tempfile.mkdtemp(), io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("../" * 32 + target.lstrip("/"), TEXT)

    def unpack() -> None:
        with zipfile.ZipFile(archive) as given:
            for name in given.namelist():
                with open(f"{folder}/{name}", "wb") as file:
                    file.write(given.read(name))

    return attempt(unpack)


def zip_bomb(mebibytes: int) -> str:
    """A few bytes that become more than the disk holds."""
    folder, archive = tempfile.mkdtemp(), io.BytesIO()
    with (
        zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made,
        made.open("bomb", "w") as member,
    ):
        for _ in range(mebibytes):
            member.write(bytes(1 << 20))

    def unpack() -> None:
        with zipfile.ZipFile(archive) as given:
            given.extractall(folder)

    return attempt(unpack)
