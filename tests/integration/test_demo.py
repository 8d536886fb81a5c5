"""Does the demo work where a stranger first meets it: from the wheel, and by `make demo`?"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.load, pytest.mark.timeout(600)]
STAGES = (
    "── toolrun-nano, a toy with real wiring",
    "» tool word_count [sandbox workspace-ro]: Count the words of a text file.",
    "── The user asks",
    "── Step 1: the model is sampled",
    "── It calls a tool. The arguments fit the tool's schema; it runs in a sandbox of profile",
    '▶ word_count(path="notes.md")  [sandbox workspace-ro]',
    "│ In the box: ",
    "── The tool's result",
    "◀ word_count (",
    "── Step 2: the model is sampled; the request adds the reasoning, the call and the tool's",
    "▶ reveal(answer=",
    "── It says to the user",
    "── The proof: is the reasoning of step 1 in the prompt that step 2 was sampled from?",
    "» YES: all ",
    "» To the token: it begins with the ",
    "── And if it had not come back? Step 2 again, without the reasoning of step 1",
    "» Clients that drop the reasoning get the second.",
    "── The replay: the same session from its trace, without any server, model or tool",
    "3 steps: identical.",
    "» First token: ",
    " tokens/s: ",
)
"""What is shown, in order."""


def _environment(folder: Path, **more: str) -> dict[str, str]:
    """That of somebody who has just come: an empty home, and nothing set up."""
    kept = {"LANG": "C.UTF-8", "PATH": os.environ["PATH"], "TMPDIR": os.environ["TMPDIR"]}
    return {**kept, "HOME": str(folder), **more}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of a new environment in which pip installed the wheel with its extra.

    Nothing comes from an index: pip finds what the wheel asks for in the environment of the tests.
    """
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, timeout=300)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder / "venv")}))
    ours = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "dependencies.pth").write_text("\n".join(ours))
    python = folder / "venv" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-index"]
    done = subprocess.run(
        [*pip, f"{wheel}[embedded]"], check=True, timeout=300, capture_output=True, text=True
    )
    assert "numpy" in done.stdout  # what the extra asks for was looked for
    return python.parent


def test_it_runs_from_the_wheel_and_needs_no_network(installed: Path, tmp_path: Path) -> None:
    alone = ["unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), "--net"]
    done = subprocess.run(
        [*alone, str(installed / "toolrun"), "demo"],
        cwd=tmp_path,
        env=_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    _shows_all(done.stdout)
    where = [str(installed / "python"), "-I", "-c", "import toolrun; print(toolrun.__file__)"]
    ours = subprocess.run(where, capture_output=True, text=True, check=True, timeout=300)
    assert Path(ours.stdout.strip()).is_relative_to(installed.parent)


def test_make_sets_it_up_by_itself(tmp_path: Path) -> None:
    clone = _clone(tmp_path)
    done = _make(clone, tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    _shows_all(done.stdout)
    assert "set-up 2/2" in done.stdout
    assert ".venv-demo/bin/python -m toolrun replay " in done.stdout
    again = _make(clone, tmp_path)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "set-up" not in again.stdout


def test_make_says_why_it_cannot_set_it_up(tmp_path: Path) -> None:
    clone = _clone(tmp_path)
    done = _make(clone, tmp_path, PIP_NO_INDEX="1", PIP_FIND_LINKS="", PIP_CONFIG_FILE="/dev/null")

    assert done.returncode == 2
    assert "No matching distribution found for pip==" in done.stderr
    assert "toolrun: failed: " in done.stderr
    assert not (clone / ".venv-demo" / ".set-up").exists()


def _clone(folder: Path) -> Path:
    """What the demo takes of a clone, without environments and caches."""
    clone = folder / "clone"
    clone.mkdir()
    for name in ("Makefile", "pyproject.toml", "requirements-demo.txt", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, clone)
    for name in ("toolrun", "schemas", "sandboxes"):
        shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    return clone


def _make(clone: Path, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    pips = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    return subprocess.run(
        ["make", "demo", f"PYTHON={sys._base_executable}"],  # type: ignore[attr-defined]
        cwd=clone,
        env=_environment(home, **{**pips, **more}),
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


def _shows_all(shown: str) -> None:
    """Every stage is there, the secret came through, and the box was one."""
    at = 0
    for part in STAGES:
        assert part in shown[at:], f"{part!r} is missing after\n{shown[:at]}\nin\n{shown[at:]}"
        at = shown.index(part, at)
    thought = re.search(r"┊ My number is (\d+)\.", shown)
    revealed = re.search(r'▶ reveal\(answer="(.+)"\)', shown)
    assert thought is not None
    assert revealed is not None
    assert thought[1] == revealed[1]
    box = re.search(r"In the box: (\d+) processes, networks: (.+); notes.md (.+)", shown)
    assert box is not None
    assert int(box[1]) < 10 < len([*Path("/proc").glob("[0-9]*")])
    assert (box[2], box[3]) == ("lo", "cannot be written (Read-only file system)")
