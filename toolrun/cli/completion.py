"""`toolrun completion`: what a shell needs to complete commands and options at the Tab key."""

from __future__ import annotations

from typing import Literal


def completion(shell: Literal["bash", "zsh", "fish"], /) -> int:
    """Print what completes commands and options in a shell.

    In bash and zsh: eval "$(toolrun completion bash)". In fish: toolrun completion fish | source.

    Args:
        shell: The one that is to read it.
    """
    from toolrun.cli.app import app

    print(app.generate_completion(shell=shell))
    return 0
