"""What does a release take? `python -m tests.release build | check [TAG] | notes | try`."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.release import versions

ROOT: Final = Path(__file__).parents[2]


def _say(line: str) -> None:
    print(line, flush=True)


def _check(tag: str | None) -> int:
    found = versions.differences(ROOT, tag)
    for line in found:
        _say(line)
    if not found:
        _say(f"{versions.of_the_code(ROOT)}: all places that show the version show the same one")
    return 1 if found else 0


def _build() -> int:
    # Late: the other commands are to run where nothing is installed.
    from tests.release.building import NotReleasableError, build

    try:
        build(ROOT, _say)
    except NotReleasableError as error:
        _say(str(error))
        return 1
    except subprocess.CalledProcessError as error:
        _say(f"{error}\n{error.stderr.decode() if isinstance(error.stderr, bytes) else ''}")
        return error.returncode
    return 0


def _try() -> int:
    from tests.release.installed import examine

    (wheel,) = (ROOT / "dist").glob("*.whl")
    for lowest in (True, False):
        began = time.monotonic()
        _say(f"{wheel.name} with the {'lowest' if lowest else 'newest'} dependencies")
        with tempfile.TemporaryDirectory(prefix="toolrun-try-") as folder:
            examine(ROOT, wheel, Path(folder), _say, lowest=lowest)
        _say(f"{time.monotonic() - began:.0f} s")
    return 0


def main() -> int:
    """Parse the command line and run it."""
    parser = argparse.ArgumentParser(prog="python -m tests.release", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="make dist/ of the last commit, and check it")
    check = commands.add_parser("check", help="do all places show the same version, and this tag?")
    check.add_argument("tag", nargs="?", help="as v0.1.0")
    commands.add_parser("notes", help="what the changelog says of the newest version")
    commands.add_parser("try", help="use the wheel of dist/ with the lowest and newest packages")
    given = parser.parse_args()
    if given.command == "check":
        return _check(given.tag)
    if given.command == "notes":
        _say(next(each for each in versions.sections(ROOT) if each.date).notes)
        return 0
    return _build() if given.command == "build" else _try()


if __name__ == "__main__":
    sys.exit(main())
