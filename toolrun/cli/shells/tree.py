"""Which commands are there, with which options, and what may stand in each place?"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cyclopts import App

_KINDS: Final = {
    "--profile": "profile",
    "PROFILE": "profile",
    "--tools": "tools",
    "--resume": "session",
    "ID": "session",
    "IDS": "session",
    "SESSION": "session",
    "FOLDER": "folder",
    "--workspace": "folder",
    "--backend": "of,bubblewrap,sandlock,container,podman,docker",
    "--dialect": "of,vllm,ollama,lm-studio,litellm,llama.cpp,generic",
}
"""What may stand in places of these names; others follow from the type."""


class Option(Struct, frozen=True):
    """An option, or an argument without a name.

    Attributes:
        names: the long one first; of an argument what it is called.
        kind: `flag` (nothing follows), `text`, `file`, `folder`, `profile`, `tools`, `session`, or
            `of,A,B`: one of these.
        help: in a sentence or two.
        group: the heading that it stands under.
        value: what the value is called.
        many: of an argument: whether several may follow.
    """

    names: tuple[str, ...]
    kind: str
    help: str = ""
    group: str = ""
    value: str = ""
    many: bool = False


class Command(Struct, frozen=True):
    """A command; `path` is what is typed for it, without `toolrun`: () is the program itself."""

    path: tuple[str, ...]
    help: str
    options: tuple[Option, ...] = ()
    arguments: tuple[Option, ...] = ()
    commands: tuple[str, ...] = ()


def commands() -> list[Command]:
    """All commands, each before those below it."""
    from toolrun.cli.app import app

    common = tuple(
        _option(each) for each in app.meta.assemble_argument_collection() if _shown(each)
    )
    everywhere = (*common, Option(("--help", "-h"), "flag", "Show this help."))
    version = Option(("--version",), "flag", "Show the version.")
    names = tuple(_names(app))
    root = Command((), inspect.cleandoc(app.help), (*everywhere, version), (), names)
    return [root, *_below(app, (), everywhere)]


def _below(app: App, path: tuple[str, ...], everywhere: Sequence[Option]) -> Iterator[Command]:
    for name in _names(app):
        command, here = app[name], (*path, name)
        inner = tuple(_names(command)) if command.default_command is None else ()
        found = [] if inner else _arguments(command)
        yield Command(
            here,
            inspect.cleandoc(command.help or ""),
            (*(each for each in found if each.names[0].startswith("-")), *everywhere),
            tuple(each for each in found if not each.names[0].startswith("-")),
            inner,
        )
        if inner:
            yield from _below(command, here, everywhere)


def _names(app: App) -> Iterator[str]:
    return (name for name in app if not name.startswith("-"))


def _arguments(command: App) -> list[Option]:
    collection = command.assemble_argument_collection(parse_docstring=True)
    return [_option(each) for each in collection if _shown(each)]


def _shown(argument: Any) -> bool:
    return argument.parameter.show is not False and argument.names not in (("*",), ("TOKENS",))


def _option(argument: Any) -> Option:
    off = {f"--{no}-{each[2:]}" for each in argument.names for no in ("no", "empty")}
    names = tuple(each for each in argument.names if each not in off)  # they are not taken, too
    group = argument.parameter.group
    return Option(
        names,
        _kind(argument, names),
        " ".join((argument.parameter.help or "").split()),
        str(group[0].name) if group else "",
        argument.parameter.metavar or "",
        "VAR_POSITIONAL" in str(argument.field_info.kind) or "tuple" in str(argument.hint),
    )


def _kind(argument: Any, names: Sequence[str]) -> str:
    if argument.is_flag():
        return "flag"
    if choices := argument.get_choices():
        return "of," + ",".join(choices)
    for name in names:
        if name in _KINDS:
            return _KINDS[name]
    return "file" if Path.__name__ in str(argument.hint) else "text"
