"""What does a person type? `toolrun run | chat | replay | demo | init | tools | completion`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> NoReturn:
    """The `toolrun` command; ends the process with one of the codes of `toolrun.cli.exits`."""
    import sys

    _open_ends()
    from toolrun.cli.chat.beginning import begin, begins

    arguments = sys.argv[1:]
    if begins(arguments):
        sys.exit(begin(arguments))
    from toolrun.cli.app import command

    sys.exit(command(arguments))


def _open_ends() -> None:
    """Give stdin, stdout and stderr something to lead to where whoever started us closed them.

    Else the next file that is opened takes such a number, and is written what was meant for people.
    """
    import os
    import sys

    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))
