"""What does `man toolrun` say? The commands and their options, as a page of man(7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from toolrun.cli.shells.scripts import MADE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from toolrun.cli.shells.tree import Command, Option

_EXAMPLES: Final = (
    (
        "Ask once, with tools that ship, in this folder:",
        "toolrun run 'What is here?' --tools files,python --workspace .",
    ),
    (
        "A question from a pipe, its answer as JSON that fits a schema:",
        "git log -5 | toolrun run - --output schema.json",
    ),
    ("A conversation, and later the same one again:", "toolrun chat\ntoolrun chat --continue"),
    (
        "Whether a server keeps the reasoning:",
        "toolrun doctor --base-url http://localhost:8000/v1",
    ),
)
_EXITS: Final = (
    ("0", "There is an answer."),
    ("1", "There is none."),
    ("2", "Usage: an option, a setting or a tool that does not fit."),
    ("3", "A limit was reached."),
    ("4", "A call was denied."),
    ("5", "The server failed, or there is none."),
    ("6", "Calls wait for a decision."),
    ("130", "Interrupted."),
)

_FILES: Final = (
    ".SH FILES",
    ".TP",
    ".I toolrun.toml",
    "Settings of the current folder.",
    ".TP",
    ".I $XDG_STATE_HOME/toolrun/",
    "Sessions and the history of what was typed; ~/.local/state/toolrun/ by default.",
    ".SH ENVIRONMENT",
    ".TP",
    ".B TOOLRUN_API_KEY",
    "The bearer token of the server. OPENAI_API_KEY is never read.",
    ".TP",
    ".B TOOLRUN_BASE_URL",
    "Where the server is, with its /v1.",
    ".TP",
    ".B NO_COLOR",
    "No colours, whatever it is set to.",
)


def manual(commands: Sequence[Command]) -> str:
    """The page, as roff."""
    root = commands[0]
    common = {each.names for each in root.options}
    lines = [
        f'.\\" {MADE}',
        '.TH TOOLRUN 1 "" toolrun "User commands"',
        ".SH NAME",
        "toolrun \\- function calling with gpt\\-oss, its tools in a sandbox",
        ".SH SYNOPSIS",
        ".B toolrun",
        ".I COMMAND",
        "[\\fIOPTIONS\\fR]",
        ".SH DESCRIPTION",
        _text(root.help),
        ".PP",
        "Settings come from",
        ".BR toolrun.toml ,",
        "from variables",
        ".B TOOLRUN_*",
        "and from options, the last of which wins.",
        ".SH OPTIONS OF EVERY COMMAND",
        *_options(root.options),
        ".SH COMMANDS",
    ]
    for command in commands[1:]:
        if command.commands:
            continue
        lines += [f".SS toolrun {_text(' '.join(command.path))}", _text(command.help)]
        lines += _options(
            (*command.arguments, *(o for o in command.options if o.names not in common))
        )
    lines += [*_ends(), *_FILES]
    return "\n".join(line for line in lines if line) + "\n"


def _ends() -> list[str]:
    """How the program ends, and how it is used."""
    lines = [".SH EXIT STATUS"]
    for code, meaning in _EXITS:
        lines += [".TP", f".B {code}", _text(meaning)]
    lines += [".SH EXAMPLES"]
    for number, (what, example) in enumerate(_EXAMPLES):
        lines += [
            *([".PP"] if number else []),
            _text(what),
            ".PP",
            ".nf",
            ".RS",
            _text(example),
            ".RE",
            ".fi",
        ]
    return lines


def _options(options: Iterable[Option]) -> list[str]:
    lines = []
    for option in options:
        names = ", ".join(f"\\fB{_text(each)}\\fR" for each in option.names)
        value = "" if option.kind == "flag" else _value(option)
        lines += [".TP", f"{names}{f' {value}' if value else ''}", _text(option.help) or "\\&"]
    return lines


def _value(option: Option) -> str:
    if not option.names[0].startswith("-"):
        return "..." if option.many else ""
    if option.kind.startswith("of,") and not option.value:
        return "|".join(f"\\fI{_text(each)}\\fR" for each in option.kind[3:].split(","))
    return f"\\fI{_text(option.value or option.kind.upper())}\\fR"


def _text(text: str) -> str:
    """Text that roff takes as such: no escape, and no line that begins as a request."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    paragraphs = [part for part in escaped.split("\n") if part.strip()]
    return "\n".join(f"\\&{part}" if part[0] in ".'" else part for part in paragraphs)
