"""How are secret values kept out of what a tool says? By value, also encoded, also in pieces.

Where a tool's words leave its runner they are looked through for the values that the tool was
given: as they are, and as JSON, Python, URLs, HTML, base64 and hexadecimal digits write them. It
keeps secrets out of logs and of the model's sight by mistake; it is no wall against a tool that
wants to tell them, which can always find one more way to spell them.
"""

from __future__ import annotations

import base64
import contextlib
import html
import json
import urllib.parse
from typing import TYPE_CHECKING, Final, Literal

from msgspec import structs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from toolrun.tools.listener import Listener, Output

SHORTEST: Final = 6
"""Characters of a secret: a shorter value stands in texts that have nothing to do with it."""

_OPEN: Final = 4
"""A shorter beginning of a secret, where a text ends, is left: it tells nothing."""
_LINE: Final = 16
_HELD: Final = 4

_Span = tuple[int, int, str]


class Mask:
    """Puts "[secret NAME]" in the place of values.

    Args:
        secrets: the values by their names, each of at least `SHORTEST` characters.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        named = {form: name for name, value in secrets.items() for form in _forms(value)}
        self._needles = sorted(named.items(), key=lambda each: (-len(each[0]), each[0]))
        self.longest: int = max(map(len, named), default=0)

    def __bool__(self) -> bool:
        return bool(self._needles)

    def text(self, text: str, *, cut: Literal["", "head", "tail"] = "") -> str:
        """A text without the values.

        Args:
            text: the whole of it, unless something was cut off.
            cut: the end where that was: a part of a value there goes, too.
        """
        spans = self.spans(text)
        if cut == "tail" and (end := self.open_end(text)) is not None:
            spans += [end] if len(text) - end[0] >= _OPEN else []
        if cut == "head":
            spans += self._open_begin(text)
        return _without(text, spans)

    def spans(self, text: str) -> list[_Span]:
        """Where values stand: begin, end, name."""
        found: list[_Span] = []
        for needle, name in self._needles:
            at = text.find(needle)
            while at >= 0:
                found.append((at, at + len(needle), name))
                at = text.find(needle, at + 1)
        return found

    def open_end(self, text: str) -> _Span | None:
        """The longest end of a text that more text could make a value, or another one."""
        longest: _Span | None = None
        for needle, name in self._needles:
            at = text.find(needle[0], max(0, len(text) - len(needle) + 1))
            while at >= 0:
                if needle.startswith(text[at:]):
                    if longest is None or at < longest[0]:
                        longest = (at, len(text), name)
                    break
                at = text.find(needle[0], at + 1)
        return longest

    def _open_begin(self, text: str) -> list[_Span]:
        found: list[_Span] = []
        for needle, name in self._needles:
            for size in range(min(len(needle) - 1, len(text)), _OPEN - 1, -1):
                if needle.endswith(text[:size]):
                    found.append((0, size, name))
                    break
        return found


class Stream:
    """A text that comes in pieces: what may be the beginning of a value is held back.

    Args:
        mask: knows the values.
    """

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._held = ""

    def feed(self, piece: str) -> str:
        """What may be said by now."""
        text = self._held + piece
        spans = self._mask.spans(text)
        end = self._mask.open_end(text)
        keep = len(text) if end is None else end[0]
        # What is found there may be longer than it looks: it waits, with all that it overlaps.
        for begin, stop, _ in sorted(spans, reverse=True):
            if begin < keep < stop:
                keep = begin
        if len(text) - keep > _HELD * self._mask.longest:
            keep = len(text)
        self._held = text[keep:]
        return _without(text[:keep], [span for span in spans if span[1] <= keep])

    def finish(self) -> str:
        """The rest, at the end of the text."""
        text, self._held = self._held, ""
        return self._mask.text(text, cut="tail")


class Pieces:
    """Values of their own that follow each other: none is held back, or joined to the next.

    Args:
        mask: knows the secrets.
    """

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._carried = ""

    def piece(self, text: str) -> str:
        """The next one, without what goes on in it from the one before."""
        before, whole = len(self._carried), self._carried + text
        spans = self._mask.spans(whole)
        end = self._mask.open_end(whole)
        self._carried = whole[end[0] :] if end is not None else ""
        if end is not None and len(whole) - end[0] >= _OPEN:
            spans.append(end)
        inside = [(max(begin, before), stop, name) for begin, stop, name in spans if stop > before]
        return _without(
            text, [(begin - before, stop - before, name) for begin, stop, name in inside]
        )


class MaskedOutput:
    """Tells a listener what a tool says, without its secrets.

    Args:
        output: is told.
        mask: knows the values.
    """

    def __init__(self, output: Output, mask: Mask) -> None:
        self._output = output
        self._streams: dict[Literal["stdout", "stderr"], Stream] = {
            "stdout": Stream(mask),
            "stderr": Stream(mask),
        }
        self._progress = Pieces(mask)

    def __call__(self, stream: Literal["stdout", "stderr", "progress"], text: str) -> None:
        """Take what the tool says."""
        if stream == "progress":
            self._output(stream, self._progress.piece(text))
        elif said := self._streams[stream].feed(text):
            self._output(stream, said)

    def finish(self) -> None:
        """Tell what was held back."""
        for name, stream in self._streams.items():
            if said := stream.finish():
                self._output(name, said)


@contextlib.contextmanager
def masked(listener: Listener, mask: Mask) -> Iterator[Listener]:
    """A listener that hears the same without secrets; what was held back is told at the end."""
    if not mask:
        yield listener
        return
    output = None if listener.output is None else MaskedOutput(listener.output, mask)

    def egress(host: str, port: int, method: str, reason: str) -> None:
        if listener.egress is not None:
            listener.egress(mask.text(host), port, mask.text(method), mask.text(reason))

    yield structs.replace(listener, output=output, egress=egress)
    if output is not None:
        output.finish()


def _forms(value: str) -> Iterator[str]:
    """The ways in which a value is written, those that are long enough to be looked for."""
    texts = {value, value.strip()}
    lines = value.split("\n")
    if len(lines) > 1:
        texts.update(line.strip() for line in lines if len(line.strip()) >= _LINE)
    forms: set[str] = set()
    for text in texts:
        forms.update(write(text) for write in _WRITERS)
        forms.update(_base64(text.encode("utf-8", "surrogatepass")))
    return (form for form in forms if len(form) >= SHORTEST)


def _quoted(quote: Callable[[str], str]) -> Callable[[str], str]:
    """Percent-encoding with small letters, which some write."""

    def write(text: str) -> str:
        parts = quote(text).split("%")
        return "%".join([parts[0], *(part[:2].lower() + part[2:] for part in parts[1:])])

    return write


def _quote_all(text: str) -> str:
    return urllib.parse.quote(text, safe="", errors="replace")


def _quote_path(text: str) -> str:
    return urllib.parse.quote(text, errors="replace")


def _quote_plus(text: str) -> str:
    return urllib.parse.quote_plus(text, errors="replace")


def _hexadecimal(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").hex()


_WRITERS: Final[tuple[Callable[[str], str], ...]] = (
    *(str, str.lower, str.upper),  # hosts and headers lose their capitals
    lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    lambda text: repr(text)[1:-1],
    lambda text: repr(text.encode("utf-8", "surrogatepass"))[2:-1],
    *(_quote_all, _quote_path, _quote_plus),
    *(_quoted(_quote_all), _quoted(_quote_path), _quoted(_quote_plus)),
    html.escape,
    *(_hexadecimal, lambda text: _hexadecimal(text).upper()),
)


def _base64(data: bytes) -> Iterator[str]:
    """What is the same wherever the bytes stand in something longer that is encoded."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + data).decode()
        begin, end = (before * 8 + 5) // 6, (before + len(data)) * 8 // 6
        core = encoded[begin:end]
        yield core
        yield core.replace("+", "-").replace("/", "_")


def _without(text: str, spans: list[_Span]) -> str:
    kept: list[str] = []
    at = 0
    for begin, end, name in sorted(spans, key=lambda span: (span[0], -span[1])):
        if begin >= at:
            kept += [text[at:begin], f"[secret {name}]"]
        at = max(at, end)
    kept.append(text[at:])
    return "".join(kept)
