"""Where do secrets stand in a text? Values, keys of well-known forms, and what users look for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.known import Known
    from toolrun.trace.recording import Find

Span = tuple[int, int]
_Looks = tuple[
    tuple[str, ...],
    tuple[tuple[str, re.Pattern[str]], ...],
    tuple[tuple[bytes, re.Pattern[bytes]], ...],
]

_HERE: Final = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrtbf])|(?<=\\u[0-9a-f]{4}))"
"""Where a key begins: at no place inside of a word, but behind what JSON escapes."""
_BEGIN: Final = r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----"
_END: Final = r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----"
# Whether a text goes on as a token does is asked once for each word, not for each "eyJ" in it, of
# which a tool may write a hundred thousand: the time must not grow with their square.
_CLAIMS: Final = r"\.eyJ[A-Za-z0-9_-]{8,}+\."
_TOKEN: Final = rf"(?<![A-Za-z0-9_-])(?=[A-Za-z0-9_-]++{_CLAIMS})"
_FORMS: Final = (
    (("sk-",), _HERE + r"(sk-[A-Za-z0-9_-]{16,})"),  # OpenAI, Anthropic, and vLLM's users
    (("Bearer",), _HERE + r"Bearer\s+([A-Za-z0-9._~+/=-]{16,})"),
    (("AKIA", "ASIA"), _HERE + r"((?:AKIA|ASIA)[A-Z0-9]{16})"),  # AWS
    (
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        _HERE + r"((?:gh[pousr]|github_pat)_[A-Za-z0-9_]{20,})",
    ),
    (("glpat-",), _HERE + r"(glpat-[A-Za-z0-9_-]{20,})"),  # GitLab
    (("xox",), _HERE + r"(xox[abeoprs]-[A-Za-z0-9-]{10,})"),  # Slack
    (("AIza",), _HERE + r"(AIza[A-Za-z0-9_-]{35})"),  # Google
    (("hf_",), _HERE + r"(hf_[A-Za-z0-9]{30,})"),  # Hugging Face
    (
        ("eyJ",),
        rf"{_TOKEN}[A-Za-z0-9_-]*?{_HERE}(eyJ[A-Za-z0-9_-]{{8,}}+{_CLAIMS}[A-Za-z0-9_-]*)",
    ),
    (
        ("-----BEGIN ",),
        rf"({_BEGIN}[\s\S]*?(?:{_END}|\Z))",
    ),
)
"""What a key has in it, and what it looks like: a text without the first is not looked at twice."""

_KEYS: Final = tuple((hints, re.compile(form)) for hints, form in _FORMS)
HINTS: Final = tuple(hint for hints, _ in _FORMS for hint in hints)
_LONGEST_KEY: Final = 4200
_OPEN_KEY: Final = re.compile(
    _HERE + r"(?:(?:sk-|gh[pousr]_|github_pat_|glpat-|xox[abeoprs]?|AIza|hf_|eyJ|AKIA|ASIA)"
    r"[A-Za-z0-9_.-]{0,4096}+|Bearer\s++[^\s\"']{0,4096}+)\Z"
)
_OPEN_BLOCK: Final = re.compile(
    rf"-----BEGIN [A-Z0-9 ]{{0,40}}-{{0,4}}\Z|{_BEGIN}(?![\s\S]*{_END})"
)
_LONGEST_LINE: Final = 4096
_COMMON: Final = '*+/=XZQJKVYWUHGB9F876N543RMLDPCOISTAExqjz210-_kvbwygpfmculdhrsnioate:,". '
"""Characters by how often they stand in the lines of a trace; what is not in it is the rarest."""
_FEW: Final = range(2)
"""Places where a character is looked for by itself; then an expression goes through all the rest,
which takes four times as long as finding none."""
_encoder = msgspec.json.Encoder()


class Finder:
    """Finds secrets in texts.

    Args:
        secrets: values, found plain and as JSON escapes them; empty ones are passed over.
        known: further ones, of which more may become known.
        patterns: regular expressions: their match, or its first group, is a secret.
        find: gives the secrets of a text.

    Attributes:
        asks: whether only the texts themselves tell, each as a whole: `patterns` or `find` do.
    """

    def __init__(
        self,
        secrets: Iterable[str] = (),
        *,
        known: Sequence[Known] = (),
        patterns: Iterable[str] = (),
        find: Find | None = None,
    ) -> None:
        self._given = tuple(secrets)
        self._known = tuple(known)
        self._patterns = tuple(re.compile(pattern) for pattern in patterns)
        self._find = find
        self.asks: bool = bool(self._patterns) or find is not None
        self._seen: list[tuple[str, ...]] = []
        self._learn()

    def refresh(self) -> None:
        """Look for what has become known since, too."""
        if [known.values for known in self._known] != self._seen:
            self._learn()

    def _learn(self) -> None:
        self._seen = [known.values for known in self._known]
        given = (self._given, *self._seen)
        values = frozenset(value for values in given for value in values if value)
        self._values, self._in_text, self._in_lines = _looks(values)
        self._hints = (*self._values, *HINTS)

    def is_in(self, lines: bytes) -> bool:
        """Whether lines of JSON have what may be a value or a key in them."""
        # No generator: this is asked for each write of a trace.
        for char, form in self._in_lines:
            at = lines.find(char)
            for _ in _FEW:
                if at < 0:
                    break
                if form.match(lines, at):
                    return True
                at = lines.find(char, at + 1)
            else:
                if at >= 0 and form.search(lines, at):
                    return True
        return False

    def is_in_text(self, text: str) -> bool:
        """Whether a text has what may be a value or a key in it."""
        for char, form in self._in_text:  # noqa: SIM110 - as above
            if char in text and form.search(text):
                return True
        return False

    def spans(self, text: str) -> list[Span]:
        """Where secrets stand in a text: apart, in order.

        Raises:
            Exception: what `find` raises, and TypeError where it gives no texts.
        """
        spans = [span for value in self._values for span in _places(text, value)]
        for hints, key in _KEYS:
            for hint in hints:
                if hint in text:
                    spans += [found.span(1) for found in key.finditer(text)]
                    break
        for pattern in self._patterns:
            spans += [_told(found) for found in pattern.finditer(text)]
        if self._find is not None:
            for secret in _texts(self._find(text)):
                spans += _places(text, secret)
        return merged(spans)

    def open_tail(self, text: str) -> int | None:
        """Where the end of a text begins that more text could make a secret, or a longer one."""
        begins = []
        for sought in self._hints:
            at = text.find(sought[0], max(0, len(text) - len(sought) + 1))
            while at >= 0:
                if sought.startswith(text[at:]):
                    begins.append(at)
                    break
                at = text.find(sought[0], at + 1)
        if (found := _OPEN_KEY.search(text, max(0, len(text) - _LONGEST_KEY))) is not None:
            begins.append(found.start())
        if (begun := text.rfind("-----BEGIN ")) >= 0 and _OPEN_BLOCK.match(text, begun):
            begins.append(begun)
        if self.asks and (line := text.rfind("\n") + 1) < len(text):
            # No expression tells what it could still match: the last line is not known yet.
            begins.append(max(line, len(text) - _LONGEST_LINE))
        return min(begins, default=None)


def _sought(texts: Iterable[str]) -> list[tuple[str, re.Pattern[str]]]:
    """Expressions that find any of the texts, each by its rarest character.

    A single character is found twenty times as fast as a text, and most are not there at all:
    looking for each text by itself took as long as all the rest that writing a trace takes.
    """
    forms: dict[str, list[str]] = {}
    for text in texts:
        at = min(range(len(text)), key=lambda index: _COMMON.find(text[index]))
        before = f"(?<={re.escape(text[: at + 1])})" if at else ""
        forms.setdefault(text[at], []).append(before + re.escape(text[at + 1 :]))
    return [
        (char, re.compile(f"{re.escape(char)}(?:{'|'.join(rest)})")) for char, rest in forms.items()
    ]


def _in_lines(texts: Iterable[str]) -> list[tuple[bytes, re.Pattern[bytes]]]:
    """The same for bytes of JSON."""
    escaped = _sought(_encoder.encode(text)[1:-1].decode() for text in texts)
    return [(char.encode(), re.compile(form.pattern.encode())) for char, form in escaped]


_KEYS_IN_TEXT: Final = tuple(_sought(HINTS))
_KEYS_IN_LINES: Final = tuple(_in_lines(HINTS))


@lru_cache(maxsize=32)
def _looks(values: frozenset[str]) -> _Looks:
    """What is looked for, in texts and in lines: made once for the sessions of a runtime."""
    forms = tuple(sorted({form for value in values for form in _forms(value)}))
    return forms, (*_KEYS_IN_TEXT, *_sought(forms)), (*_KEYS_IN_LINES, *_in_lines(forms))


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same places, apart and in order."""
    found: list[Span] = []
    for begin, end in sorted(spans):
        if begin == end:
            continue
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found


def _places(text: str, value: str) -> list[Span]:
    found = []
    at = text.find(value)
    while at >= 0:
        found.append((at, at + len(value)))
        at = text.find(value, at + 1)
    return found


def _told(found: re.Match[str]) -> Span:
    """What of a match is the secret: its first group, where it has one that matched."""
    return found.span(1) if found.re.groups and found.start(1) >= 0 else found.span()


def _texts(given: Any) -> list[str]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise TypeError(f"find must give a list of texts, not {type(given).__name__}")
    found = list(given)
    for each in found:
        if not isinstance(each, str):
            raise TypeError(f"find must give texts, not {type(each).__name__}")
    return [each for each in found if each]


def _forms(secret: str) -> set[str]:
    """A secret as it is, as it stands in JSON inside of a string, in a URL and in errors.

    Errors quote URLs, and what they quote of Python is its `repr`.
    """
    plain = {secret, repr(secret)[1:-1]}
    plain |= {quote(secret, safe, errors="replace") for safe in ("", "/")}
    escaped = {json.dumps(each)[1:-1] for each in plain}
    escaped |= {json.dumps(each, ensure_ascii=False)[1:-1] for each in plain}
    # What is JSON already is escaped once more where it is an argument of its own.
    return plain | escaped | {json.dumps(each)[1:-1] for each in escaped}
