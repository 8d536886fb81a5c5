"""Does a user get all of toolrun, from a wheel and from an editable install?"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement

import toolrun
from tests.release import contents
from toolrun import resources

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[2]
PINS = ROOT / "requirements-dev.txt"
DEMO_PINS = ROOT / "requirements-demo.txt"
OTHER_PINS = [ROOT / "requirements-lowest.txt", ROOT / "requirements-dist.txt"]
LISTING = (
    "from toolrun import resources; "
    "print(resources.folder('schemas'), *resources.names('schemas'), "
    "*resources.names('sandboxes'), resources.schema('config')['type'], sep='\\n')"
)


def _run(*command: str | Path, cwd: Path = ROOT) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist", "-d", folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (wheel,) = built.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel; its dependencies are those of this one."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    ours = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "dependencies.pth").write_text("\n".join(ours))
    return folder / "bin" / "python"


def test_the_wheel_holds_the_package_the_shipped_files_and_nothing_else(wheel: Path) -> None:
    expected = contents.of_the_wheel(ROOT, toolrun.__version__)

    assert contents.differences(wheel, expected) == []
    assert {
        "toolrun/py.typed",
        "toolrun/turn.py",
        "toolrun/_shipped/schemas/config.schema.json",
        "toolrun/_shipped/sandboxes/pure.toml",
        "toolrun/models/nano/nano.safetensors",
    } <= expected
    assert not any("test" in name.split("/")[0] or "__pycache__" in name for name in expected)
    assert contents.naming(wheel, ROOT, wheel.parent) == []


def test_what_does_not_belong_is_named(wheel: Path, tmp_path: Path) -> None:
    other = tmp_path / wheel.name
    shutil.copy(wheel, other)
    with zipfile.ZipFile(other, "a") as archive:
        archive.writestr("tests/conftest.py", f"made_in = {str(tmp_path)!r}")
    expected = contents.of_the_wheel(ROOT, toolrun.__version__) | {"toolrun/lost.py"}

    assert contents.differences(other, expected) == [
        f"{other.name} lacks toolrun/lost.py",
        f"{other.name} has tests/conftest.py, too",
    ]
    (line,) = contents.naming(other, tmp_path)
    assert line.startswith("tests/conftest.py of ")


def test_the_embedded_model_keeps_the_wheel_small(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {"nano.safetensors", "CARD.md"}
        sizes = {name: archive.getinfo(f"toolrun/models/nano/{name}").file_size for name in names}

    assert sizes["CARD.md"] > 0
    assert 10_000_000 < sizes["nano.safetensors"] <= 12_000_000
    assert wheel.stat().st_size <= 13_000_000


def test_the_sdist_is_the_repository(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )

    kept = {name for name in tracked.stdout.splitlines() if (ROOT / name).exists()}
    assert kept | {"PKG-INFO"} <= names
    assert not any("__pycache__" in name or name.startswith((".git/", ".venv")) for name in names)


def test_the_metadata_says_who_and_what(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(f"toolrun-{toolrun.__version__}.dist-info/METADATA").decode()
        scripts = archive.read(f"toolrun-{toolrun.__version__}.dist-info/entry_points.txt")

    assert f"Version: {toolrun.__version__}\n" in metadata
    assert "License-Expression: Apache-2.0\n" in metadata
    assert "Requires-Python: >=3.11\n" in metadata
    assert "# toolrun" in metadata  # the README
    assert b"toolrun = toolrun.cli:main" in scripts
    assert b"[pytest11]\ntoolrun = toolrun.integrations.pytest.plugin" in scripts


def test_a_wheel_finds_its_own_files(installed: Path, tmp_path: Path) -> None:
    folder, *rest = _run(installed, "-c", LISTING, cwd=tmp_path).split()

    assert folder.endswith("site-packages/toolrun/_shipped/schemas")
    assert Path(folder).is_relative_to(installed.parents[1])
    assert rest == [*resources.names("schemas"), *resources.names("sandboxes"), "object"]


def test_an_editable_install_reads_the_repository(tmp_path: Path) -> None:
    folder, *rest = _run(sys.executable, "-c", LISTING, cwd=tmp_path).split()

    assert Path(folder) == ROOT / "schemas"
    assert rest == [*resources.names("schemas"), *resources.names("sandboxes"), "object"]


def test_the_command_of_a_wheel_answers(installed: Path, tmp_path: Path) -> None:
    script = (
        "import sys; from importlib.metadata import entry_points as e; "
        "sys.argv[1:] = ['--version']; e(group='console_scripts')['toolrun'].load()()"
    )
    assert _run(installed, "-c", script, cwd=tmp_path).strip().endswith(toolrun.__version__)


@pytest.mark.parametrize("install", ["wheel", "editable"])
def test_importing_toolrun_is_cheap(install: str, installed: Path, tmp_path: Path) -> None:
    python = installed if install == "wheel" else Path(sys.executable)
    loaded = _imported(python, "import toolrun", tmp_path)

    assert "toolrun" in loaded
    assert not loaded & {"openai", "pydantic", "jsonschema", "asyncio", "anyio", "msgspec", "json"}


def test_marking_a_tool_costs_the_standard_library_alone(installed: Path, tmp_path: Path) -> None:
    loaded = _imported(installed, "from toolrun import tool", tmp_path)

    ours = {name for name in loaded if name.partition(".")[0] not in sys.stdlib_module_names}
    assert ours == {
        "toolrun",
        "toolrun.exports",
        "toolrun.tools",
        "toolrun.tools.decorator",
    }


def _imported(python: Path, code: str, cwd: Path) -> set[str]:
    """What code loads beyond what the interpreter has loaded before it.

    `-X importtime` would miss what `importlib.import_module` loads.
    """
    script = f"import sys; before = set(sys.modules); {code}; print(*set(sys.modules) - before)"
    return set(_run(python, "-c", script, cwd=cwd).split())


def _pinned(pins: Path = PINS) -> dict[str, Requirement]:
    lines = [line for line in pins.read_text().splitlines() if line and line[0] != "#"]
    return {_plain(each.name): each for each in map(Requirement, lines)}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _wanted() -> Iterable[Requirement]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    groups = project["dependency-groups"]
    for line in [
        *project["project"]["dependencies"],
        # vllm is large, and brings a harmony library beside which ours cannot be; the rig pins it.
        *(line for extra, lines in extras.items() if extra != "vllm" for line in lines),
        *(line for lines in groups.values() for line in lines),
    ]:
        if (wanted := Requirement(line)).name != "toolrun":
            yield wanted


@pytest.mark.parametrize("wanted", list(_wanted()), ids=lambda wanted: str(wanted.name))
def test_every_dependency_is_pinned_within_its_range(wanted: Requirement) -> None:
    pin = _pinned()[_plain(wanted.name)]

    (exact,) = pin.specifier
    assert exact.operator == "=="
    assert exact.version in wanted.specifier


def test_the_demo_has_all_that_it_needs_of_the_same_versions() -> None:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["embedded"]]

    assert {_plain(Requirement(line).name) for line in wanted} <= _pinned(DEMO_PINS).keys()
    assert _versions(DEMO_PINS) < _versions(PINS)


def _versions(pins: Path) -> set[str]:
    return set(re.findall(r"^[^#\s]+==\S+", pins.read_text(), re.MULTILINE))


@pytest.mark.parametrize("pins", [PINS, DEMO_PINS, *OTHER_PINS], ids=lambda pins: pins.stem)
def test_the_pins_name_no_machine_and_no_host(pins: Path) -> None:
    text = pins.read_text()

    assert not re.search(r"https?://|file:|@|^-|/", text.partition("\n\n")[2] or text, re.MULTILINE)
