"""How does the rig get its servers? Builds environments, vocabulary and models, once each.

Plain standard library: it runs from any Python from 3.11 on, with nothing installed. Everything
that both vLLM versions share (torch and 150 more) lies in one environment; each version adds a
thin one with its own vLLM and harmony, which sees the shared one through a `.pth` file.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import venv
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from tests.rig.parts import Part
from tests.rig.versions import NANO_CONTEXT, REPOSITORY, RIG, release

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.versions import Progress, Release

_TORCH_INDEX = "https://download.pytorch.org/whl/cpu"
_QUICKTOK = "quicktok-v1==0.4.0"
_VOCABULARY_SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
_NANO = "toolrun/models/nano"
_NANO_CODE = (
    *("tests/rig/make_model.py", "tests/rig/chat.jinja"),
    *(f"tests/rig/nano/{name}.py" for name in ("folder", "vocabulary", "spelling")),
    *(f"{_NANO}/{name}.py" for name in ("codes", "weights")),
)
"""What makes the embedded model's folder."""
_TAIL = 40


class InstallError(Exception):
    """A part could not be built; the message ends with the last lines of what was tried."""


@dataclass(frozen=True, slots=True)
class Installation:
    """All that one server needs.

    Attributes:
        release: the vLLM release.
        environment: its virtual environment.
        vocabulary: the folder with `o200k_base.tiktoken` (`TIKTOKEN_ENCODINGS_BASE`).
        model: the folder of the tiny model.
    """

    release: Release
    environment: Path
    vocabulary: Path
    model: Path

    @property
    def python(self) -> Path:
        return python_of(self.environment)


def install(version: str, progress: Progress) -> Installation:
    """Build what is missing for one vLLM version.

    Raises:
        ValueError: the rig does not serve that version.
        InstallError: a part could not be built.
    """
    wanted = release(version)
    pins = (RIG / "lock.txt").read_text().split()
    shared_part = Part(
        "shared",
        tuple(pins),
        partial(_build_shared, pins=pins),
        f"packages of all vLLM versions: installing {len(pins)}",
    )
    shared = shared_part.ensure(progress)
    environment = Part(
        f"vllm-{wanted.vllm}",
        (shared.name, *wanted.requirements),
        partial(_build_environment, shared=shared, wanted=wanted),
        f"vLLM {wanted.vllm}: installing {' and '.join(wanted.requirements)}",
    ).ensure(progress)
    vocabulary = Part(
        "vocabulary",
        (_QUICKTOK, _VOCABULARY_SHA256, (RIG / "make_vocabulary.py").read_text()),
        partial(_build_vocabulary, shared=shared),
        "vocabulary o200k_base",
    ).ensure(progress)
    model = Part(
        "model",
        (
            *(shared.name, vocabulary.name),
            *((RIG / name).read_text() for name in ("make_model.py", "chat.jinja")),
        ),
        partial(_build_model, shared=shared, vocabulary=vocabulary),
        "tiny gpt-oss model",
    ).ensure(progress)
    return Installation(wanted, environment, vocabulary, model)


def install_nano(version: str, progress: Progress) -> Path:
    """Build the embedded model as a folder for transformers and vLLM; give the folder.

    Args:
        version: of vLLM, whose environment builds it. Both build the same.
        progress: takes a line about each thing that takes long.

    Raises:
        ValueError: the rig does not serve that version.
        InstallError: a part could not be built.
    """
    installation = install(version, progress)
    weights = REPOSITORY / _NANO / "nano.safetensors"
    return Part(
        "nano",
        (
            *(installation.model.name, str(NANO_CONTEXT)),
            hashlib.sha256(weights.read_bytes()).hexdigest(),
            *((REPOSITORY / name).read_text() for name in _NANO_CODE),
        ),
        partial(_build_nano, installation=installation, weights=weights),
        "the embedded model's folder",
    ).ensure(progress)


def _build_shared(folder: Path, *, pins: list[str]) -> None:
    venv.create(folder, with_pip=True)
    install_pins = partial(pip, python_of(folder), python_of(folder), pins)
    try:
        install_pins()
    except InstallError as error:
        # Where no local wheel or mirror holds the CPU build of torch, PyTorch's own index does.
        # A constraint on torch of the machine's own turns "not found" into a conflict.
        missing = ("No matching distribution found for torch", "ResolutionImpossible")
        if not any(each in str(error) for each in missing):
            raise
        install_pins(options=("--extra-index-url", _TORCH_INDEX))


def _build_environment(folder: Path, *, shared: Path, wanted: Release) -> None:
    venv.create(folder, with_pip=False)
    pip(python_of(shared), python_of(folder), list(wanted.requirements))
    packages = site_packages(folder)
    (packages / "shared.pth").write_text(f"{site_packages(shared)}\n")
    # `vllm serve` asks for the version of a distribution called vllm; the CPU build has another
    # name, and vLLM knows by the "+cpu" that it is one.
    metadata = packages / f"vllm-{wanted.vllm}+cpu.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {wanted.vllm}+cpu\n")


def _build_vocabulary(folder: Path, *, shared: Path) -> None:
    with tempfile.TemporaryDirectory() as quicktok:
        pip(python_of(shared), python_of(shared), [_QUICKTOK], options=("--target", quicktok))
        script = str(RIG / "make_vocabulary.py")
        target = str(folder / "o200k_base.tiktoken")
        _run([str(python_of(shared)), script, target, _VOCABULARY_SHA256], PYTHONPATH=quicktok)


def _build_model(folder: Path, *, shared: Path, vocabulary: Path) -> None:
    script = str(RIG / "make_model.py")
    _run([str(python_of(shared)), script, str(folder), str(vocabulary / "o200k_base.tiktoken")])


def _build_nano(folder: Path, *, installation: Installation, weights: Path) -> None:
    vocabulary = installation.vocabulary
    told = [str(weights), str(folder), str(vocabulary / "o200k_base.tiktoken")]
    _run(
        [str(installation.python), "-m", "tests.rig.nano.folder", *told],
        PYTHONPATH=str(REPOSITORY),
        TIKTOKEN_ENCODINGS_BASE=str(vocabulary),
    )


def pip(
    runner: Path, target: Path, requirements: list[str], *, options: tuple[str, ...] = ()
) -> None:
    """Install exactly these requirements with `runner`'s pip for the interpreter `target`."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as listed:
        listed.write("\n".join(requirements))
        listed.flush()
        _run(
            [
                *(str(runner), "-m", "pip", "--python", str(target)),
                *("install", "--no-deps", "--no-cache-dir", "--disable-pip-version-check"),
                *("--quiet", "--progress-bar", "off", *options, "-r", listed.name),
            ]
        )


def _run(command: list[str], **environment: str) -> None:
    kept = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "PYTHONHOME"}}
    done = subprocess.run(
        command,
        env=kept | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-_TAIL:])
        raise InstallError(f"{' '.join(command)}\nended with {done.returncode}:\n{tail}")


def python_of(environment: Path) -> Path:
    """The interpreter of a virtual environment."""
    return environment / "bin" / "python"


def site_packages(environment: Path) -> Path:
    """Where its packages lie."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return environment / "lib" / version / "site-packages"
