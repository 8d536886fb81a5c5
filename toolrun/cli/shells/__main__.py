"""Make the files that ship again: `python -m toolrun.cli.shells`."""

from __future__ import annotations

from pathlib import Path

from toolrun.cli.shells.manual import manual
from toolrun.cli.shells.scripts import bash, fish, zsh
from toolrun.cli.shells.tree import commands


def made() -> dict[str, str]:
    """The files, by their names."""
    from toolrun import resources
    from toolrun.cli.load_tools import BUILTINS

    found, profiles = commands(), resources.names("sandboxes")
    return {
        "toolrun.bash": bash(found, profiles, BUILTINS),
        "toolrun.zsh": zsh(found, profiles, BUILTINS),
        "toolrun.fish": fish(found, profiles, BUILTINS),
        "toolrun.1": manual(found),
    }


if __name__ == "__main__":
    for _name, _text in made().items():
        (Path(__file__).parent / _name).write_text(_text, encoding="utf-8")
