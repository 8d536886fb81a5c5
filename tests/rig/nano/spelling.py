"""Which tokens spell what the model writes, so that copying is easy to learn?

What a model copies out of its prompt has another first token there: " Reykjavik" follows a space,
in JSON it follows a quote. The canonical tokens of the two can differ to the end. So what is
copied is spelled by its tokens in the prompt, and only the first of them is spelled anew. The text
is the same; nobody who decodes it can tell. `COPY` and `END` mark what is copied.
"""

from __future__ import annotations

import base64
import os
import re
from bisect import bisect_right
from functools import cache, lru_cache
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

COPY, END = "\ue000", "\ue001"
SPECIALS = {
    "<|return|>": 200_002,
    "<|constrain|>": 200_003,
    "<|channel|>": 200_005,
    "<|start|>": 200_006,
    "<|end|>": 200_007,
    "<|message|>": 200_008,
    "<|call|>": 200_012,
}
VOCABULARY = 201_088
ORDINARY = 199_998
_VARIABLE = "TIKTOKEN_ENCODINGS_BASE"
_SPECIAL = re.compile("(" + "|".join(re.escape(name) for name in SPECIALS) + ")")
_MARK = re.compile(f"{COPY}(.*?){END}", re.DOTALL)


def copied(text: str) -> str:
    """The text, marked as copied from the prompt."""
    return f"{COPY}{text}{END}"


def plain(text: str) -> str:
    """The text without marks."""
    return text.replace(COPY, "").replace(END, "")


@cache
def encoding() -> Any:
    """harmony's encoding. TIKTOKEN_ENCODINGS_BASE may name the vocabulary's folder."""
    if os.environ.get(_VARIABLE):
        import openai_harmony

        return openai_harmony.load_harmony_encoding("HarmonyGptOss")
    from toolrun.models.harmony.vocabulary import load  # the GPU's machine lacks what it needs

    return load()


@cache
def token_bytes() -> list[bytes]:
    """The bytes of each ordinary token; of the special ones: nothing that can be copied."""
    encoding()
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(os.environ.get(_VARIABLE) or home / "toolrun" / "vocabulary")
    lines = (folder / "o200k_base.tiktoken").read_bytes().splitlines()
    found = [base64.b64decode(line.split()[0]) for line in lines]
    return found + [b"\0"] * (VOCABULARY - len(found))


@cache
def token_texts() -> list[str | None]:
    """The text of each ordinary token; None for parts of characters and for special tokens."""
    return [_text(body) if rank < ORDINARY else None for rank, body in enumerate(token_bytes())]


def token_text(rank: int) -> str:
    """The text of one token; nothing where it is no text by itself."""
    return token_texts()[rank] or ""


def _text(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


@lru_cache(200_000)
def ordinary(text: str) -> tuple[int, ...]:
    """The canonical tokens of a text without special tokens."""
    return tuple(encoding().encode(text, disallowed_special=()))


def canonical(text: str) -> list[int]:
    """The canonical tokens of a text, marks dropped, `<|...|>` read as special tokens."""
    found: list[int] = []
    for part in _SPECIAL.split(plain(text)):
        if part in SPECIALS:
            found.append(SPECIALS[part])
        elif part:
            found += ordinary(part)
    return found


def _led(lead: str, text: str) -> tuple[int, ...]:
    """A text behind a space or a dot: one token where there is one, else the lead and the text."""
    whole = ordinary(lead + text)
    if not lead or len(whole) == 1:
        return whole
    first = ordinary(lead + token_text(ordinary(text)[0]))
    rest = ordinary(text)[1:]
    return first + rest if len(first) == 1 else ordinary(lead) + ordinary(text)


class Context:
    """Tokens that were read, and where in their text something stands."""

    def __init__(self, ids: Sequence[int]) -> None:
        self._bytes = token_bytes()
        self.ids: list[int] = []
        self._text = b""
        self._starts: list[int] = []
        self.extend(ids)

    def after(self, ids: Sequence[int]) -> Context:
        """This and more tokens; this is left as it is."""
        found = Context(())
        found.ids, found._starts = list(self.ids), list(self._starts)
        found._text = self._text
        found.extend(ids)
        return found

    def extend(self, ids: Sequence[int]) -> None:
        """More tokens were read."""
        parts = [self._bytes[i] for i in ids]
        ends = accumulate(map(len, parts), initial=len(self._text))
        self._starts += list(ends)[:-1]
        self._text += b"".join(parts)
        self.ids += ids

    def spell(self, text: str) -> list[int]:
        """The tokens of a text of the model's, its marked parts spelled as they were read."""
        found: list[int] = []
        for place, part in enumerate(_SPECIAL.split(text)):
            found += [SPECIALS[part]] if place % 2 else self._spell(part)
        return found

    def _spell(self, text: str) -> list[int]:
        parts = _MARK.split(text)
        found: list[int] = []
        for template, value in zip(parts[::2], [*parts[1::2], None], strict=True):
            lead = template[-1:] if template.endswith((" ", ".")) and value else ""
            found += ordinary(template[: len(template) - len(lead)])
            if value:
                found += self._copied(value, lead)
        return found

    def _copied(self, value: str, lead: str) -> Sequence[int]:
        body = value.encode()
        at = self._find(body)
        if at < 0:
            return _led(lead, value)
        end = at + len(body)
        first = self._token_at(at)
        begin, stop = self._starts[first], self._starts[first] + len(self._bytes[self.ids[first]])
        head = _text(self._text[at : min(stop, end)])
        if head is None:
            return _led(lead, value)
        if begin == at and not lead and stop <= end:
            found = [self.ids[first]]
        else:
            found = list(_led(lead, head))
        while stop < end:
            first += 1
            token = self.ids[first]
            stop = self._starts[first] + len(self._bytes[token])
            if stop <= end:
                found.append(token)
            else:
                tail = _text(self._text[self._starts[first] : end])
                if tail is None:
                    return _led(lead, value)
                found += ordinary(tail)
        return found

    def _find(self, body: bytes) -> int:
        """The last place where it stands as a word of its own, else the last at all; else -1."""
        at = last = self._text.rfind(body)
        while at >= 0:
            around = self._text[at - 1 : at] + self._text[at + len(body) : at + len(body) + 1]
            if not any(chr(c).isalnum() or c == ord("_") for c in around):
                return at
            at = self._text.rfind(body, 0, at + len(body) - 1)
        return last

    def _token_at(self, offset: int) -> int:
        return bisect_right(self._starts, offset) - 1
