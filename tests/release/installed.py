"""Does a wheel do its work with the lowest dependencies that it allows, and with the newest?"""

from __future__ import annotations

import os
import shutil
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.release.quietly import quietly

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LOWEST: Final = "requirements-lowest.txt"
TESTERS: Final = (
    *("pytest", "pytest-timeout", "pytest-xdist", "execnet", "iniconfig", "pluggy", "packaging"),
    *("hypothesis", "sortedcontainers", "trio", "outcome"),
)
"""What the tests need, of the versions that toolrun is tested with."""
TESTED: Final = tuple(
    f"tests/unit/{name}"
    for name in (
        *("test_config.py", "test_transcript.py", "models/test_transport.py"),
        *("store/test_schema.py", "tools/test_manifest.py", "tools/test_schema.py"),
        "cli/chat/test_view_lines.py",
    )
)
"""Unit tests in which most of the dependencies have a part."""
# What others run, or what only an extra brings.
_IMPORTS: Final = """
import importlib, pathlib, toolrun
apart = ("toolrun.__main__", "toolrun.serve", "toolrun.integrations", "toolrun.store.migrations",
    "toolrun.tools.builtin.inside")
home = pathlib.Path(toolrun.__file__).parents[1]
files = [path.relative_to(home).with_suffix("") for path in home.glob("toolrun/**/*.py")]
names = {".".join(path.parts).removesuffix(".__init__") for path in files}
imported = [importlib.import_module(name) for name in names if not name.startswith(apart)]
for name in toolrun.__all__:
    getattr(toolrun, name)
print(len(imported), "modules of", toolrun.__file__)
"""


def examine(
    root: Path, wheel: Path, folder: Path, say: Callable[[str], None], *, lowest: bool
) -> None:
    """Install a wheel with its extra `embedded` into a new environment, and use it.

    Args:
        root: of the repository: it has the pins and the tests.
        wheel: that is installed.
        folder: that is empty, for all that is written.
        say: takes a line about each thing that was found.
        lowest: the lowest versions of the packages that the wheel asks for, else the newest.

    Raises:
        subprocess.CalledProcessError: something failed; it has said why.
    """
    bin_ = _environment(root, wheel, folder / "venv", lowest=lowest)
    home = {**_outside(), "HOME": str(folder), "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}"}
    for command in (
        ["toolrun", "--version"],
        ["python", "-W", "error", "-c", _IMPORTS],
        ["toolrun", "doctor", "--model", "nano"],
        ["toolrun", "demo"],
    ):
        say(f"$ {' '.join(command[:2])}: {_last(command, folder, home)}")
    _with_tests(root, folder, bin_)
    testing = ["python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "not postgres"]
    say(f"$ pytest: {_last([*testing, '-m', 'not load', *TESTED], folder / 'tree', home)}")


def _environment(root: Path, wheel: Path, folder: Path, *, lowest: bool) -> Path:
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    if lowest:
        _install(python, "--no-deps", "-r", str(root / LOWEST))
        _install(python, "--no-deps", str(wheel))
    else:
        _install(python, f"{wheel}[embedded]")
    pins = (root / "requirements-dev.txt").read_text().splitlines()
    _install(python, "--no-deps", *(pin for pin in pins if pin.partition("==")[0] in TESTERS))
    return python.parent


def _install(python: Path, *what: str) -> None:
    if shutil.which("uv") is not None:
        command = ["uv", "pip", "install", "--quiet", "--python", str(python)]
    else:
        command = [sys.executable, "-m", "pip", "--python", str(python), "--quiet"]
        command += ["--disable-pip-version-check", "install", "--no-compile"]
    quietly([*command, *what])


def _outside() -> dict[str, str]:
    """What a process has from outside, without what would lead it to other packages."""
    kept = ("LANG", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ}


def _with_tests(root: Path, folder: Path, bin_: Path) -> None:
    """Lay the tests and what they read into a folder in which toolrun itself is not."""
    tree = folder / "tree"
    for name in ("tests", "schemas", "sandboxes"):
        unread = shutil.ignore_patterns("__pycache__", "results")
        shutil.copytree(root / name, tree / name, ignore=unread)
    shutil.copy(root / "pyproject.toml", tree)
    where = [str(bin_ / "python"), "-c", "import toolrun; print(toolrun.__file__)"]
    home = quietly(where, tree)
    if not Path(home.strip()).is_relative_to(bin_.parent):
        raise AssertionError(f"the tests would be of {home.strip()}, not of the wheel's")


def _last(command: Sequence[str], cwd: Path, env: dict[str, str]) -> str:
    """Run a command; give the last line that it prints."""
    lines = quietly(command, cwd, env).splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
