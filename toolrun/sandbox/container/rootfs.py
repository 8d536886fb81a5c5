"""What is a container's root, where nothing has to be pulled? Empty folders, links, three files.

The files that a box sees are bound in: the same as in bubblewrap's boxes.
"""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from toolrun.errors import SandboxUnavailable
from toolrun.sandbox.bubblewrap.arguments import GROUP, PASSWD

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolrun.sandbox.order import Bind

IMAGE: Final = "toolrun-empty:1"
_FOLDERS: Final = ("dev", "etc", "proc", "run", "sys", "usr")
_WRITABLE: Final = ("tmp", "work")
"""Where a tmpfs is mounted, which takes over the mode of what is below it."""
_LINKS: Final = ("bin", "lib", "lib32", "lib64")
_FILES: Final = {"etc/passwd": PASSWD, "etc/group": GROUP, "run/toolrun": b""}


def make_folder(path: Path, owner: int | None) -> None:
    """Make a root in an empty folder; `owner`: who may make further mount points in it."""
    made = [path]
    for name in (*_FOLDERS, *_WRITABLE):
        (path / name).mkdir()
        (path / name).chmod(0o1777 if name in _WRITABLE else 0o755)
        made.append(path / name)
    for name in _LINKS:
        if (target := _link(name)) is not None:
            (path / name).symlink_to(target)
    for name, content in _FILES.items():
        (path / name).write_bytes(content)
        made.append(path / name)
    path.chmod(0o755)
    if owner is not None:
        for each in made:
            os.chown(each, owner, owner)


def make_mount_points(root: Path, binds: Iterable[Bind]) -> None:
    """Make what is mounted over: left to the engine, they would be another user's, and remain."""
    for bind in binds:
        place = root / bind.target.lstrip("/")
        if place.exists():
            continue
        if Path(bind.source).is_dir():
            place.mkdir(parents=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()


def make_image(program: str, env: dict[str, str]) -> None:
    """Give docker the same as an image, unless it has it: an import of a small archive.

    Raises:
        SandboxUnavailable: docker takes no image; the message has what it said.
    """
    known = subprocess.run(  # noqa: S603 - a fixed path
        [program, "image", "inspect", IMAGE], env=env, capture_output=True, check=False
    )
    if known.returncode == 0:
        return
    done = subprocess.run(  # noqa: S603 - a fixed path
        [program, "import", "-", IMAGE], env=env, input=archive(), capture_output=True, check=False
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise SandboxUnavailable(f"sandbox: docker import of an empty image: {said}")


def archive() -> bytes:
    """The root as a tar archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in (*_FOLDERS, *_WRITABLE):
            tar.addfile(_entry(name, tarfile.DIRTYPE, 0o1777 if name in _WRITABLE else 0o755))
        for name in _LINKS:
            if (target := _link(name)) is not None:
                tar.addfile(_entry(name, tarfile.SYMTYPE, target=target))
        for name, content in _FILES.items():
            entry = _entry(name, tarfile.REGTYPE)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _entry(name: str, kind: bytes, mode: int = 0o755, target: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.linkname = kind, mode, target
    return entry


def _link(name: str) -> str | None:
    """Where a link of a merged /usr leads; None where the host has a folder there, or nothing."""
    path = Path("/", name)
    return str(path.readlink()) if path.is_symlink() else None
