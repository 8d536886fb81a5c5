"""What is the wheel made of, and what does it need? A bill of materials, in CycloneDX."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from importlib.metadata import Distribution, distributions
from typing import TYPE_CHECKING, Any, Final

from packaging.metadata import Metadata
from packaging.requirements import Requirement

from tests.release.quietly import quietly
from tests.release.versions import of_the_code

if TYPE_CHECKING:
    from collections.abc import Container, Iterable
    from pathlib import Path

_MODEL: Final = "toolrun/models/nano/nano.safetensors"
_ROOT: Final = "root-component"
"""What cyclonedx-py calls the component that the bill is of."""


def bill(wheel: Path, tree: Path, epoch: str) -> Path:
    """Write the bill beside the wheel; give the file.

    It has every package of `toolrun[all]`, at the versions that toolrun is tested with; what
    only an extra brings is optional. The weights of the embedded model are a component, too.

    Args:
        wheel: that it is of.
        tree: its sources.
        epoch: seconds since 1970 that it says as its time.

    Raises:
        subprocess.CalledProcessError: a package could not be had, or the bill is not valid.
    """
    folder = wheel.parent.parent / "needed"
    python = _environment(folder, wheel, tree / "requirements-dev.txt")
    path = wheel.parent / f"toolrun-{of_the_code(tree)}.cdx.json"
    command = [sys.executable, "-m", "cyclonedx_py", "environment", str(python)]
    command += ["--pyproject", str(tree / "pyproject.toml"), "--mc-type", "library"]
    subprocess.run(
        [*command, "--output-reproducible", "-o", str(path)],
        env={**os.environ, "SOURCE_DATE_EPOCH": epoch},
        check=True,
    )
    made = json.loads(path.read_text())
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        asked = Metadata.from_email(archive.read(metadata), validate=False).requires_dist or []
        weights = archive.read(_MODEL)
    packages = sysconfig.get_path("purelib", vars={"base": str(folder)})
    required = needed(asked, distributions(path=[packages]))
    completed = complete(made, of_the_code(tree), required, weights)
    path.write_text(json.dumps(completed, indent=1, sort_keys=True) + "\n")
    return path


def _environment(folder: Path, wheel: Path, pins: Path) -> Path:
    """Make an environment with what the wheel asks for, and without the wheel itself."""
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--quiet"]
    pip += ["--disable-pip-version-check"]
    install = [*pip, "install", "--no-compile", "-c", str(pins), f"{wheel}[all]"]
    for command in (install, [*pip, "uninstall", "--yes", "toolrun"]):
        quietly(command)
    return python


def complete(
    made: dict[str, Any], version: str, required: Container[str], weights: bytes
) -> dict[str, Any]:
    """Add what cyclonedx-py cannot know: the version, what is optional, the model that ships.

    Args:
        made: by cyclonedx-py.
        version: of toolrun.
        required: the plain names of what is needed without any extra.
        weights: of the embedded model.
    """
    root: dict[str, Any] = made["metadata"]["component"]
    root |= {"version": version, "purl": f"pkg:pypi/toolrun@{version}"}
    components = [
        component | {"scope": "required" if plain(component["name"]) in required else "optional"}
        for component in made["components"]
    ]
    model = {
        "type": "machine-learning-model",
        "bom-ref": "toolrun-nano",
        "name": "toolrun-nano",
        "version": version,
        "description": f"The weights of the embedded model, in the wheel as {_MODEL}",
        "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(weights).hexdigest()}],
        "licenses": [{"license": {"id": "Apache-2.0"}}],
        "scope": "required",
    }
    dependencies = [
        {**line, "dependsOn": [*line.get("dependsOn", ()), "toolrun-nano"]}
        if line["ref"] == _ROOT
        else line
        for line in made["dependencies"]
    ]
    return made | {"components": [*components, model], "dependencies": dependencies}


def needed(asked: Iterable[Requirement], installed: Iterable[Distribution]) -> set[str]:
    """Follow what is asked for without any extra, here; give the plain names of all packages.

    Args:
        asked: by toolrun.
        installed: where what they ask for is looked up.
    """
    found = {plain(each.name): each for each in installed}
    left = [(each, "") for each in asked]
    done: set[tuple[str, str]] = set()
    while left:
        line, asking = left.pop()
        if line.marker is not None and not line.marker.evaluate({"extra": asking}):
            continue
        name = plain(line.name)
        for extra in {"", *line.extras} - {extra for each, extra in done if each == name}:
            done.add((name, extra))
            left += [(Requirement(each), extra) for each in found[name].requires or ()]
    return {name for name, _ in done}


def plain(name: str) -> str:
    """A package's name as it is compared: "Any_IO" is "any-io"."""
    return re.sub(r"[-_.]+", "-", name).lower()
