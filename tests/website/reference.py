"""Which pages of the reference are made from the code?

`python -m tests.website.reference` writes them. They lie in docs/, since they are read on GitHub,
too; a test says where they are stale.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from tests.rig.versions import REPOSITORY as ROOT
from toolrun.cli.shells.tree import commands

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from toolrun.cli.shells.tree import Command, Option

FOLDER: Final = ROOT / "docs/reference"
_MADE: Final = "<!-- Made by `python -m tests.website.reference` from the code. -->"
_INTRO: Final = """\
What toolrun reads and writes, as JSON Schemas (draft 2020-12), which ship with it and are held to.
A row is a key, a **bold** one is required. The files themselves have more: patterns of texts, and
which keys exclude each other."""
_OLD: Final = """\
[`schemas/trace-1.schema.json`](../../schemas/trace-1.schema.json) describes the lines of traces
that older versions wrote: [trace format](trace-format.md)."""
_SESSION: Final = ("Server", "Model", "Tools", "Limits of a turn")
"""Groups of options that several commands share."""
_SCHEMAS: Final = ("config", "tool", "sandbox-profile", "trace", "token-record")
_BOUNDS: Final = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
}


def made() -> dict[str, str]:
    """The pages, by their names in docs/reference/."""
    return {"commands.md": _commands(commands()), "schemas.md": _schemas()}


def _commands(found: list[Command]) -> str:
    root, *rest = found
    common = {each.names for each in root.options}
    run = next(each for each in rest if each.path == ("run",))
    shared = [each for each in run.options if each.group in _SESSION]
    lines = [
        "# Every command and option",
        _MADE,
        "As `--help` has them. [Command line](cli.md) says what they are for, with examples.",
        "## Every command takes",
        _options(root.options),
        "## Options of a session",
        _options(shared),
    ]
    for command in rest:
        if command.commands:
            continue
        own = [each for each in command.options if each.names not in common]
        all_of_them = {each.names for each in shared} <= {each.names for each in own}
        if all_of_them:
            own = [each for each in own if each not in shared]
        words = " ".join((*command.path, *(each.names[0] for each in command.arguments)))
        what, _, example = command.help.partition("Example: ")
        lines += [f"## `toolrun {words}`", _text(what.strip())]
        lines += [f"For example `{example.strip()}`."] if example else []
        lines += [_options((*command.arguments, *own))] if command.arguments or own else []
        lines += ["And [the options of a session](#options-of-a-session)."] if all_of_them else []
    return "\n\n".join(lines) + "\n"


def _options(options: Iterable[Option]) -> str:
    rows = (
        f"| {', '.join(f'`{name}`' for name in each.names)} | {_value(each)} | {_text(each.help)} |"
        for each in options
    )
    return "\n".join(["| option | value | meaning |", "|---|---|---|", *rows])


def _value(option: Option) -> str:
    if option.kind == "flag" or not option.names[0].startswith("-"):
        return "any number" if option.many else ""
    if option.kind.startswith("of,") and not option.value:
        return ", ".join(f"`{each}`" for each in option.kind[3:].split(","))
    return f"`{option.value or option.kind.upper()}`".replace("|", "\\|")


def _schemas() -> str:
    lines = [
        "# Schemas",
        _MADE,
        _INTRO,
    ]
    for name in _SCHEMAS:
        schema = json.loads((ROOT / f"schemas/{name}.schema.json").read_text(encoding="utf-8"))
        file = f"schemas/{name}.schema.json"
        what = _text(schema["description"])
        lines += [f"## {schema['title']}", f"[`{file}`](../../{file}). {what}"]
        lines += [_table(schema, name)] if schema.get("properties") else []
        for part, below in schema.get("$defs", {}).items():
            lines += [f"### {_part(name, part)}"]
            lines += [_text(below["description"])] if "description" in below else []
            lines += [_table(below, name)] if below.get("properties") else []
    lines += ["## Traces of format 1", _OLD]
    return "\n\n".join(lines) + "\n"


def _part(schema: str, part: str) -> str:
    return part if part[0].isupper() else f"{part} ({schema})"


def _table(schema: dict[str, Any], name: str) -> str:
    rows = (
        f"| {key} | {_kind(below, name)} | {_text(below.get('description', ''))} |"
        for key, below in _keys(schema, "")
    )
    return "\n".join(["| key | value | meaning |", "|---|---|---|", *rows])


def _keys(schema: dict[str, Any], before: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The keys with those below them, written as a path."""
    for key, below in schema["properties"].items():
        path = f"{before}{key}"
        yield (f"**`{path}`**" if key in schema.get("required", ()) else f"`{path}`"), below
        if below.get("properties"):
            yield from _keys(below, f"{path}.")


def _kind(schema: dict[str, Any], name: str) -> str:
    """What a value may be, in words."""
    if "$ref" in schema:
        part = schema["$ref"].rpartition("/")[2]
        return f"[{part}](#{re.sub('[()]', '', _part(name, part)).replace(' ', '-').lower()})"
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(each)}`" for each in schema["enum"])
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(_kind(each, name) for each in schema[several])
    types = schema.get("type", "any")
    words = " or ".join([types] if isinstance(types, str) else types)
    if schema.get("items"):
        words = words.replace("array", f"array of {_kind(schema['items'], name)}")
    bounds = [text.format(schema[key]) for key, text in _BOUNDS.items() if key in schema]
    return ", ".join([words, *bounds])


def _text(text: str) -> str:
    """Plain text as Markdown that says the same."""
    text = " ".join(text.split())
    return re.sub(r"([|*_<>\[\]{}`#])", lambda sign: f"\\{sign[0]}", text)


if __name__ == "__main__":
    for page, content in made().items():
        (FOLDER / page).write_text(content, encoding="utf-8")
