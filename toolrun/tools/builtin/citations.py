"""What do the citations of an answer, `【3†L4-L7】`, mean? Pages that its session has seen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from toolrun.tools.builtin.visits import SOURCE, visits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolrun.transcript import Message

MARK: Final = "【"
_CITATION: Final = re.compile(r"【(\d{1,9})†(?:L(\d{1,9})(?:-L?(\d{1,9}))?|[^【】\n]{0,200})】")


class Annotation(Struct, frozen=True):
    """A citation in an answer, and the page that it refers to.

    Attributes:
        start, end: where the citation stands in `Answer.text`: text[start:end].
        url: of the page.
        title: of the page.
        cursor: of the display that was cited.
        lines: the first and the last line that are cited; None where none are named.
    """

    start: int
    end: int
    url: str
    title: str
    cursor: int
    lines: tuple[int, int] | None = None


def cited_in(text: str, transcript: Iterable[Message]) -> tuple[Annotation, ...]:
    """The citations of an answer, in order; one of a page or of lines that are not there is none.

    Args:
        text: of the answer.
        transcript: of its session.
    """
    if MARK not in text:
        return ()
    seen = visits(transcript)
    made = []
    for cited in _CITATION.finditer(text):
        visit = seen.get(int(cited[1]))
        if visit is None or not visit.url:
            continue
        lines = None if cited[2] is None else (int(cited[2]), int(cited[3] or cited[2]))
        if lines is not None and not lines[0] <= lines[1] <= visit.last:
            continue
        url = visit.url.removeprefix(SOURCE)
        made.append(Annotation(cited.start(), cited.end(), url, visit.title, visit.cursor, lines))
    return tuple(made)
