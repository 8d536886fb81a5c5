"""What completes commands, options and values in bash, zsh and fish?

bash and zsh read the same table: a function that says, of a command, what may follow. No word of a
store is ever expanded by a shell: session ids are compared, not evaluated.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from toolrun.cli.shells.templates import BASH, FISH, ZSH

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from toolrun.cli.shells.tree import Command, Option

MADE: Final = "Made by `python -m toolrun.cli.shells` from the commands themselves."
_BEFORE: Final = "--config --log-level"
"""Options with a value that may stand before a command."""


def bash(commands: Sequence[Command], profiles: Iterable[str], tools: Iterable[str]) -> str:
    """The script for bash (4.4 or later), which needs no bash-completion."""
    return _filled(
        BASH,
        made=MADE,
        before=_BEFORE,
        profiles=" ".join(profiles),
        tools=" ".join(tools),
        table=_table(commands, described=False),
    )


def zsh(commands: Sequence[Command], profiles: Iterable[str], tools: Iterable[str]) -> str:
    """The script for zsh: a file of its `fpath`, or one that is read after `compinit`."""
    return _filled(
        ZSH,
        made=MADE,
        before=_BEFORE,
        profiles=" ".join(profiles),
        tools=" ".join(tools),
        table=_table(commands, described=True),
    )


def fish(commands: Sequence[Command], profiles: Iterable[str], tools: Iterable[str]) -> str:
    """The script for fish (3.4 or later)."""
    lines = [
        _filled(
            FISH,
            made=MADE,
            before=_BEFORE,
            profiles=" ".join(profiles),
            tools=",".join(tools),
            groups=" ".join(_quoted(" ".join(each.path)) for each in commands if each.commands),
        )
    ]
    helps = {each.path: each.help for each in commands}
    for command in commands:
        typed = _quoted(" ".join(command.path))
        at = f"-n {_quoted(f'__toolrun_at {typed}')}"
        said = {name: _sentence(helps[(*command.path, name)]) for name in command.commands}
        lines += [
            f"complete -c toolrun {at} -a {name} -d {_quoted(what)}" for name, what in said.items()
        ]
        lines += [f"complete -c toolrun {at} {_fish_option(each)}" for each in command.options]
        for argument in command.arguments[:1]:
            if value := _fish_value(argument.kind):
                lines.append(f"complete -c toolrun {at} {value}")
    return "\n".join(lines) + "\n"


def _filled(template: str, **values: str) -> str:
    """A template with what stands for `@NAME@`."""
    for name, value in values.items():
        template = template.replace(f"@{name}@", value)
    return template


def _table(commands: Sequence[Command], *, described: bool) -> str:
    helps = {each.path: each.help for each in commands}
    lines = []
    for command in commands:
        below = [
            f"{name}:{_sentence(helps[(*command.path, name)])}" if described else name
            for name in command.commands
        ]
        options = [
            f"{name}:{each.kind}" + (f":{_sentence(each.help)}" if described else "")
            for each in command.options
            for name in each.names
        ]
        takes = [each.kind + ("+" if each.many else "") for each in command.arguments]
        lines += [
            f"    {_quoted(' '.join(command.path))})",
            f"      commands=({' '.join(map(_quoted, below))})",
            f"      options=({' '.join(map(_quoted, options))})",
            f"      takes=({' '.join(map(_quoted, takes))}) ;;",
        ]
    return "\n".join(lines)


def _fish_option(option: Option) -> str:
    long = " ".join(f"-l {each[2:]}" for each in option.names if each.startswith("--"))
    brief = " ".join(f"-s {each[1:]}" for each in option.names if not each.startswith("--"))
    value = "" if option.kind == "flag" else _fish_value(option.kind) or "-x"
    said = _quoted(_sentence(option.help))
    return " ".join(part for part in (long, brief, value, "-d", said) if part)


def _fish_value(kind: str) -> str:
    match kind:
        case "file":
            return "-r -F"
        case "folder":
            return "-x -a '(__fish_complete_directories)'"
        case "profile" | "tools" | "session":
            return f"-x -a '(__toolrun_{kind})'"
        case _ if kind.startswith("of,"):
            return f"-x -a {_quoted(kind[3:].replace(',', ' '))}"
    return ""


def _sentence(text: str) -> str:
    """The first sentence, without what ends it."""
    first = text.partition("\n")[0]
    return first.partition(". ")[0].rstrip(".")


def _quoted(text: str) -> str:
    return shlex.quote(text)
