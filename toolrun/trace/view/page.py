"""How does a trace become one page? Static code, and the events as data that nothing executes.

The code of the page is the same for every trace, so its content security policy names it by hash,
and allows nothing else: no other script or style, no image, no request. What stands in the trace
lies in data blocks, escaped so that no browser takes any of it for markup.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import msgspec

from toolrun.errors import TraceError
from toolrun.trace.header import TraceHeader
from toolrun.trace.reader import TraceReader
from toolrun.trace.view.steps import Step, cut

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolrun.events import Event

_HERE: Final = Path(__file__).parent
_BLOCK_BYTES, _BLOCK_STEPS = 64 * 1024, 16

# What could end a data block or begin another. In JSON they stand inside of strings alone.
_MARKUP: Final = ((b"<", b"\\u003c"), (b">", b"\\u003e"), (b"&", b"\\u0026"))
# What ends lines, is not seen, or makes text read in another order than it stands.
_HIDDEN = re.compile(rb"\xe2\x80[\x8b-\x8f\xa8-\xae]|\xe2\x81[\xa0-\xaf]|\xd8\x9c|\xef\xbb\xbf")


def inert(json: bytes) -> bytes:
    """JSON that may stand in a data block of a page, and says the same."""
    for character, escape in _MARKUP:
        json = json.replace(character, escape)
    return _HIDDEN.sub(lambda found: b"\\u%04x" % ord(found[0].decode()), json)


def write_page(trace: Path, out: BinaryIO, *, home: str = "") -> None:
    """Write the page of a trace, in one pass and flat memory.

    A trace that goes wrong in its middle is shown up to there, with the error.

    Args:
        trace: a trace file.
        out: where the page goes.
        home: address of the list that the page belongs to.

    Raises:
        TraceError: the file is no trace; nothing was written.
    """
    with TraceReader(trace) as reader:
        before, after = _page()
        out.write(before)
        told = Told(reader)
        steps = _write_steps(told, out)
        index = _Index(
            reader.header, steps, trace.name, home, reader.truncated and not told.error, told.error
        )
        out.write(_block('type="application/json" id="index"', msgspec.json.encode(index)))
        out.write(after)


class Told:
    """The events of a trace up to what goes wrong.

    Attributes:
        error: what went wrong, once there are no more events.
    """

    def __init__(self, reader: TraceReader) -> None:
        self.error: str = ""
        self._reader = reader

    def __iter__(self) -> Iterator[Event]:
        try:
            yield from self._reader
        except TraceError as wrong:
            self.error = str(wrong)


class _Index(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the page knows of a trace before it reads any of its lines."""

    header: TraceHeader
    steps: list[Step]
    name: str
    home: str = ""
    truncated: bool = False
    error: str = ""


def _write_steps(events: Told, out: BinaryIO) -> list[Step]:
    steps, block, size = list[Step](), list[bytes](), 0

    def write() -> None:
        if block:
            kind = f'type="application/jsonl" data-steps="{len(block)}"'
            out.write(_block(kind, b"\n\n".join(block)))

    for step, lines in cut(events):
        steps.append(step)
        block.append(b"\n".join(lines))
        size += len(block[-1])
        if size >= _BLOCK_BYTES or len(block) >= _BLOCK_STEPS:
            write()
            block, size = [], 0
    write()
    return steps


def _block(attributes: str, json: bytes) -> bytes:
    return b"<script %b>%b</script>\n" % (attributes.encode(), inert(json))


@cache
def _page() -> tuple[bytes, bytes]:
    """The page before and after the data of a trace."""
    page, style, script = (shipped(f"page.{kind}") for kind in ("html", "css", "js"))
    page = page.replace("{{policy}}", policy(style, script))
    before, _, after = page.partition("{{data}}")
    return (
        before.replace("{{style}}", style).encode(),
        after.replace("{{script}}", script).encode(),
    )


@cache
def shipped(name: str) -> str:
    """A file of the page's code."""
    return (_HERE / name).read_text(encoding="utf-8")


def policy(style: str, script: str = "") -> str:
    """The content security policy of a page that has this one style and this one script."""
    sources = "default-src 'none'; base-uri 'none'; form-action 'none'"
    sources += "; require-trusted-types-for 'script'; trusted-types 'none'"
    sources += f"; style-src '{_hash(style)}'"
    return sources + (f"; script-src '{_hash(script)}'" if script else "")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
