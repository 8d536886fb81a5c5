"""Does a wheel do its work with the lowest versions that it allows of what it needs?"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.release.installed import examine

pytestmark = [pytest.mark.load, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[2]


def test_the_lowest_versions_that_are_allowed_will_do(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, timeout=300)
    (wheel,) = tmp_path.glob("*.whl")
    (tmp_path / "new").mkdir()
    said: list[str] = []

    examine(ROOT, wheel, tmp_path / "new", said.append, lowest=True)

    version, imported, doctor, demo, tests = said
    assert version.endswith(wheel.name.split("-")[1])
    assert "site-packages/toolrun/__init__.py" in imported
    assert "green" in doctor
    assert demo.startswith("$ toolrun demo: ")
    assert " passed" in tests
    assert "failed" not in tests
