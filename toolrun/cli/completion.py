"""`toolrun completion`: what completes commands, options and values at the Tab key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from toolrun.errors import ConfigError


def completion(
    shell: Literal["bash", "zsh", "fish"] | None = None,
    /,
    *,
    sessions: Annotated[bool, Parameter(show=False)] = False,
) -> int:
    """Print what completes commands, options, profiles, tools and sessions in a shell.

    In bash and zsh: eval "$(toolrun completion bash)". In fish: toolrun completion fish | source.

    Args:
        shell: The one that is to read it.
        sessions: What the scripts ask for: ids of the default store, with their titles.
    """
    if sessions:
        from toolrun.cli.shells.values import session_lines

        for line in session_lines():
            print(line)
        return 0
    if shell is None:
        raise ConfigError("SHELL requires an argument: bash, zsh or fish")
    file = Path(__file__).parent / "shells" / f"toolrun.{shell}"
    print(file.read_text(encoding="utf-8"), end="")
    return 0
