"""`toolrun trace export`: a recorded session in another form."""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003 - cyclopts reads it
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter
from msgspec import json

from toolrun.cli.trace_files import traces
from toolrun.cli.view import json_line
from toolrun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

_FORMS: Final = "--chat, --markdown or --tokens"


def export(
    *files: Path,
    chat: Annotated[
        bool, Parameter(help="The messages of each turn, one JSON a line, to fine-tune gpt-oss on.")
    ] = False,
    markdown: Annotated[bool, Parameter(help="A document for people to read.")] = False,
    tokens: Annotated[
        bool, Parameter(help="The tokens of each turn, one JSON a line: ready for training.")
    ] = False,
    steps: Annotated[
        bool, Parameter(help="With --chat: a line for each step, which is what it teaches.")
    ] = False,
    unfinished: Annotated[
        bool, Parameter(help="With --chat: limited, failed and other unfinished turns, too.")
    ] = False,
) -> int:
    """Write what traces hold to stdout, in another form.

    With --chat: a line for each finished turn, `messages` with the reasoning in `thinking`, and
    `tools`, as the chat template of gpt-oss takes them. What is left out is said on stderr.

    With --markdown: a document with all that was said and done.

    With --tokens: a line for each turn with the ids that the model read and wrote, which of them it
    wrote, and their log-probabilities where the session asked for them. The session must have been
    sampled by tokens (--via harmony). schemas/token-record.schema.json describes a line.

    Args:
        files: Traces, and folders with traces.
        chat: What to export.
        markdown: What to export.
        tokens: What to export.
        steps: A line a step.
        unfinished: All turns.
    """
    if chat + markdown + tokens != 1:
        raise ConfigError(f"say what to export, {_FORMS}: toolrun trace export --chat FILE")
    if (unfinished or steps) and not chat:
        raise ConfigError("--steps and --unfinished are for --chat: the other forms hold all")
    if not files:
        raise ConfigError("name a trace: toolrun trace export --chat FILE")
    found = traces(files)
    if chat:
        _chat(found, unfinished=unfinished, steps=steps)
    elif markdown:
        _markdown(found)
    else:
        _tokens(found)
    return 0


def _chat(files: Sequence[Path], *, unfinished: bool, steps: bool) -> None:
    from toolrun.cli import screen as s
    from toolrun.trace.chat import chat_records

    screen = s.Screen.of(sys.stderr)
    lines = left_out = preambles = 0
    for file in files:
        exported = chat_records(file, unfinished=unfinished, steps=steps)
        for record in exported.records:
            print(json_line(json.encode(record)))
        for turn, why in exported.left_out.items():
            screen.line(s.WARNING, f"{file}, turn {turn}: left out: {why}")
        lines += len(exported.records)
        left_out += len(exported.left_out)
        preambles += exported.preambles
    if preambles:
        which = "1 text beside a call" if preambles == 1 else f"{preambles:,} texts beside calls"
        screen.line(s.WARNING, f"dropped: {which}; the template of gpt-oss has no place for that")
    which = "1 line" if lines == 1 else f"{lines:,} lines"
    turns = "1 turn" if left_out == 1 else f"{left_out:,} turns"
    screen.line(s.NOTE, f"{which}; {turns} left out" if left_out else which)


def _markdown(files: Sequence[Path]) -> None:
    from toolrun.cli.screen import visible
    from toolrun.trace.behaviour import behaviour_of
    from toolrun.trace.markdown import markdown
    from toolrun.trace.reader import read_trace

    for number, file in enumerate(files):
        if number:
            print("\n---\n")
        print(visible(markdown(behaviour_of(read_trace(file).events))), end="")


def _tokens(files: Sequence[Path]) -> None:
    from toolrun.trace.tokens import token_records

    for file in files:
        # All of a file or nothing: half a session would be trained on as if it were one.
        for record in token_records(file):
            print(json_line(json.encode(record)))
