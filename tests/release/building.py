"""How are the wheel and the sdist made, so that anybody makes the same of the same commit?"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.release import contents, versions
from tests.release.sbom import bill

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class NotReleasableError(Exception):
    """What was built is not what a release has to be; the message lists why, a line each."""


def build(root: Path, say: Callable[[str], None]) -> list[Path]:
    """Make what a release has of the last commit, in `dist/`; give the files.

    The sources are those of the commit, whatever else lies about in the folder. They are built
    twice, in folders of other names and under other umasks, and the wheel once more from the
    sdist: all have to be the same, byte for byte. Nothing is put into `dist/` otherwise.

    Args:
        root: of the repository.
        say: takes a line about each thing that takes long, or was found.

    Raises:
        NotReleasableError: something differs, lacks, or is there that does not belong.
        subprocess.CalledProcessError: a tool failed; it has said why.
    """
    commit, epoch = _git(root, "log", "-1", "--format=%H %ct").decode().split()
    with tempfile.TemporaryDirectory(prefix="toolrun-dist-") as temporary:
        scratch = Path(temporary)
        first = _built(
            _export(root, commit, scratch / "first"), scratch / "one", epoch, umask=0o022
        )
        say("built once; building again, elsewhere and otherwise")
        second = _built(
            _export(root, commit, scratch / "other"), scratch / "two", epoch, umask=0o077
        )
        again = _from_sdist(_only(first, "*.tar.gz"), scratch, epoch)
        found = [*_compared(first, second), *_compared(again, first)]
        found += _misplaced(first, scratch / "first", root)
        if found:
            raise NotReleasableError("\n".join(found))
        say("the same, both times and from the sdist; nothing lacks, nothing is too much")
        made = sorted(first.iterdir())
        _run(sys.executable, "-m", "twine", "check", "--strict", *map(str, made))
        say("writing down what it is made of, which takes a minute")
        made.append(bill(_only(first, "*.whl"), scratch / "first", epoch))
        return _shown(_moved(made, root / "dist"), say)


def _git(root: Path, *command: str) -> bytes:
    return subprocess.run(["git", *command], cwd=root, check=True, stdout=subprocess.PIPE).stdout


def _run(*command: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    subprocess.run(command, cwd=cwd, env=env, check=True)


def _export(root: Path, commit: str, tree: Path) -> Path:
    archive = tree.with_suffix(".tar")
    archive.write_bytes(_git(root, "archive", commit))
    with tarfile.open(archive) as file:
        file.extractall(tree, filter="data")
    return tree


def _built(
    tree: Path, into: Path, epoch: str, *, umask: int, targets: Sequence[str] = ("sdist", "wheel")
) -> Path:
    """Build below a umask and without a git repository in sight; give the folder."""
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(into)]
    into.mkdir()
    subprocess.run(
        [*command, *(part for target in targets for part in ("-t", target))],
        cwd=tree,
        env={**os.environ, "SOURCE_DATE_EPOCH": epoch},
        umask=umask,
        check=True,
        capture_output=True,
    )
    return into


def _from_sdist(sdist: Path, scratch: Path, epoch: str) -> Path:
    with tarfile.open(sdist) as file:
        file.extractall(scratch / "unpacked", filter="data")
    (tree,) = (scratch / "unpacked").iterdir()
    return _built(tree, scratch / "three", epoch, umask=0o022, targets=("wheel",))


def _only(folder: Path, pattern: str) -> Path:
    (path,) = folder.glob(pattern)
    return path


def _compared(one: Path, other: Path) -> list[str]:
    return [
        line
        for path in sorted(one.iterdir())
        for line in contents.unlike(path, other / path.name)
        if path.read_bytes() != (other / path.name).read_bytes()
    ]


def _misplaced(built: Path, tree: Path, root: Path) -> list[str]:
    version = versions.of_the_code(tree)
    wheel, sdist = _only(built, "*.whl"), _only(built, "*.tar.gz")
    return [
        *versions.differences(tree),
        *contents.differences(wheel, contents.of_the_wheel(tree, version)),
        *contents.differences(sdist, contents.of_the_sdist(tree, version)),
        *(line for each in (wheel, sdist) for line in contents.naming(each, root, tree.parent)),
    ]


def _moved(made: list[Path], dist: Path) -> list[Path]:
    shutil.rmtree(dist, ignore_errors=True)
    dist.mkdir()
    moved = [Path(shutil.move(path, dist)) for path in made]
    sums = dist / "SHA256SUMS"
    sums.write_text("".join(f"{_sha256(path)}  {path.name}\n" for path in moved))
    return [*moved, sums]


def _shown(made: list[Path], say: Callable[[str], None]) -> list[Path]:
    for path in made[:-1]:
        say(f"{path.stat().st_size:>10,} {_sha256(path)} {path.name}")
    return made


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
