"""Is a release what it says it is, and can nobody else make one?"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from packaging.requirements import Requirement

import toolrun
from tests.release import installed, sbom, versions

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    (tmp_path / "toolrun").mkdir()
    for name in ("toolrun/_version.py", "CHANGELOG.md", "CITATION.cff"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def _put(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_all_places_show_the_version_of_the_code() -> None:
    assert versions.of_the_code(ROOT) == toolrun.__version__
    assert versions.differences(ROOT) == []


def test_a_tag_is_the_version_and_nothing_else(copy: Path) -> None:
    version = toolrun.__version__
    newest = versions.sections(copy)[1]
    _put(copy / "toolrun" / "_version.py", version, newest.version)
    _put(copy / "CHANGELOG.md", versions.sections(copy)[0].notes or "\n\n", "\n\n")

    assert versions.differences(copy, f"v{newest.version}") == []
    for tag in (newest.version, f"v{newest.version}.1", "v9", f"release-v{newest.version}"):
        (line,) = versions.differences(copy, tag)
        assert line.startswith(f"the tag is {tag}, ")


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("CITATION.cff", "version: ", "version: 7", "CITATION.cff cites 7"),
        ("CITATION.cff", 'date-released: "', 'date-released: "9', "CITATION.cff cites "),
        ("CHANGELOG.md", "## [Unreleased]\n", "", r"\[Unreleased\] stands first"),
        ("CHANGELOG.md", "## [Unreleased]\n", "## [Unreleased]\n\n- x\n", "has notes under"),
        ("CHANGELOG.md", "## [Unreleased]\n", "## [Unreleased]\n\n## [9.0.0]\n", "has no date"),
        ("toolrun/_version.py", '= "', '= "9.dev', "is in development"),
        ("toolrun/_version.py", '= "', '= "9.', r"the code is 9\..* CHANGELOG.md has"),
    ],
)
def test_what_differs_is_said(copy: Path, name: str, old: str, new: str, said: str) -> None:
    _put(copy / name, old, new)

    found = versions.differences(copy, f"v{versions.of_the_code(copy)}")
    assert re.search(said, "\n".join(found)), found


def test_the_tag_is_checked_on_the_command_line() -> None:
    command = [sys.executable, "-S", "-m", "tests.release", "check", "v0.0.0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert f"the tag is v0.0.0, and the code is {toolrun.__version__}" in done.stdout


@pytest.mark.parametrize(
    "wanted",
    [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["embedded"]],
    ids=lambda line: Requirement(line).name,
)
def test_the_lowest_versions_are_those_of_the_bounds(wanted: str) -> None:
    needed = Requirement(wanted)
    lines = (ROOT / installed.LOWEST).read_text().splitlines()
    pins = {_plain(each.name): each for each in map(Requirement, filter(_is_pin, lines))}

    (lower,) = (each.version for each in needed.specifier if each.operator == ">=")
    (exact,) = pins[_plain(needed.name)].specifier
    assert exact.version == lower or exact.version.startswith(f"{lower}.")


def _is_pin(line: str) -> bool:
    return "==" in line and not line.startswith("#")


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_bill_says_what_only_an_extra_brings() -> None:
    made = {
        "metadata": {"component": {"name": "toolrun"}},
        "components": [{"name": name, "bom-ref": f"{name}==1"} for name in ("Any_IO", "numpy")],
        "dependencies": [{"ref": "root-component", "dependsOn": ["Any_IO==1", "numpy==1"]}],
    }
    bill = sbom.complete(made, "0.1.0", {"any-io"}, b"weights")

    scopes = {each["name"]: each["scope"] for each in bill["components"]}
    assert scopes == {"Any_IO": "required", "numpy": "optional", "toolrun-nano": "required"}
    assert bill["metadata"]["component"]["purl"] == "pkg:pypi/toolrun@0.1.0"
    assert "toolrun-nano" in bill["dependencies"][0]["dependsOn"]


def test_what_toolrun_needs_is_followed_to_its_end_and_no_extra_is() -> None:
    lines = [*PROJECT["dependencies"], "toolrun[embedded] ; extra == 'all'"]
    needed = sbom.needed(map(Requirement, lines), distributions())

    assert {"anyio", "msgspec", "alembic", "mako", "yarl"} <= needed
    assert not needed & {"numpy", "trio", "psycopg", "starlette", "toolrun"}


def _jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in WORKFLOWS:
        for name, job in yaml.safe_load(path.read_text())["jobs"].items():
            yield f"{path.stem}.{name}", job


def _release() -> dict[Any, Any]:
    loaded: dict[Any, Any] = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())
    return loaded


def _says(job: dict[str, Any]) -> str:
    return "\n".join(step.get("run", "") for step in job.get("steps", ()))


def test_every_action_is_pinned_by_commit_and_says_its_version() -> None:
    used = [line for path in WORKFLOWS for line in path.read_text().splitlines() if "uses:" in line]

    assert len(used) > 5
    for line in used:
        ours = "./.github/workflows/ci.yml" in line
        assert ours or re.fullmatch(
            r" +(- )?uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line
        )


def test_a_workflow_may_do_nothing_that_a_job_does_not_ask_for() -> None:
    assert {path.name for path in WORKFLOWS} == {"ci.yml", "release.yml"}
    for path in WORKFLOWS:
        assert yaml.safe_load(path.read_text())["permissions"] == {}
    granted = {name: job["permissions"] for name, job in _jobs()}

    assert granted.pop("release.publish") == {"id-token": "write"}
    assert granted.pop("release.announce") == {"contents": "write"}
    assert all(each == {"contents": "read"} for each in granted.values())


def test_who_can_publish_runs_nothing_of_the_repository() -> None:
    publish = dict(_jobs())["release.publish"]

    assert publish["environment"] == "pypi"
    assert publish["needs"] == "build"
    assert [step["uses"].partition("@")[0] for step in publish["steps"]] == [
        "actions/download-artifact",
        "pypa/gh-action-pypi-publish",
    ]
    assert publish["steps"][-1]["with"]["attestations"] is True


def test_only_a_tag_is_released_that_names_the_version_and_passed_the_tests() -> None:
    release = _release()
    build = release["jobs"]["build"]

    assert release[True] == {"push": {"tags": ["v*"]}}  # YAML reads `on` as true
    assert release["jobs"][build["needs"]]["uses"] == "./.github/workflows/ci.yml"
    steps = [line for line in _says(build).splitlines() if line]
    assert steps[0] == 'python -m tests.release check "$GITHUB_REF_NAME"'
    assert steps.index("make dist") < steps.index("make dist-check")
    assert "bash .ci/run" in _says(dict(_jobs())["ci.test"])


def test_no_text_of_strangers_gets_into_a_command() -> None:
    for name, job in _jobs():
        assert "${{" not in _says(job), name
        for step in job.get("steps", ()):
            if "actions/checkout@" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_a_form_has_what_github_asks_of_it(form: Path) -> None:
    loaded = yaml.safe_load(form.read_text())
    if form.stem == "config":
        assert loaded == {"blank_issues_enabled": False}
        return
    assert {"name", "description", "body"} <= loaded.keys()
    fields = [field for field in loaded["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len(fields)
    assert all(field["attributes"]["label"] for field in fields)
    assert any(field.get("validations", {}).get("required") for field in fields)


def test_a_bug_comes_with_the_doctors_report_and_a_trace() -> None:
    text = (ROOT / ".github" / "ISSUE_TEMPLATE" / "bug.yml").read_text()

    for wanted in (
        "toolrun doctor --json",
        "toolrun trace redact",
        "toolrun --version",
        "SECURITY.md",
    ):
        assert wanted in text


def test_the_citation_is_of_the_form_1_2() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())

    assert {"cff-version", "message", "title", "authors"} <= cited.keys()
    assert cited["cff-version"] == "1.2.0"
    assert cited["type"] == "software"
    assert cited["license"] == PROJECT["license"]
    assert [author["name"] for author in cited["authors"]] == [
        author["name"] for author in PROJECT["authors"]
    ]
