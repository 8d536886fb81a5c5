"""What does a person type? `toolrun run | chat | replay | demo | init | tools | completion`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> NoReturn:
    """The `toolrun` command; ends the process with one of the codes of `toolrun.cli.exits`."""
    import sys

    from toolrun.cli.chat.beginning import begin, begins

    arguments = sys.argv[1:]
    if begins(arguments):
        sys.exit(begin(arguments))
    from toolrun.cli.app import command

    sys.exit(command(arguments))
