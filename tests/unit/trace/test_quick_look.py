"""Is nothing passed on at the first look that the thorough one would have redacted?"""

from __future__ import annotations

import json
from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.rig.examples import examples
from tests.unit.trace.journals import OPENED
from toolrun.events import (
    AssistantMessage,
    Event,
    ReasoningDelta,
    RequestSent,
    StepFinished,
    TextDelta,
    ToolCallFinished,
    ToolCallStarted,
    ToolOutput,
    UserMessage,
)
from toolrun.runs import Run
from toolrun.trace.encoder import LineEncoder
from toolrun.trace.finding import HINTS, Finder
from toolrun.trace.redact import Redactor
from toolrun.values import ToolCall, ToolResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.trace.runs import Recorded

SECRET = "hunter2-Zürich"
FRAGMENTS: tuple[tuple[str, ...], ...] = (
    *(
        (SECRET[:6], SECRET[6:]),
        (SECRET[:6], SECRET[6:9], "", SECRET[9:]),
        (SECRET[6:],),
        (SECRET,),
    ),
    *(("s", "k-"), ("AK", "IA"), ("gh", "p_"), ("hf", "_"), ("e", "yJ"), ("A", "I", "za")),
    *(("xo", "x", "b-"), ("Bea", "rer "), ("gl", "pat-"), ("-----BEG", "IN RSA PRIVATE KEY-----")),
    *(("ABCDEFGHIJKLMNOP",), ("abcdefghij0123456789",), ("qrstuvwxyzABCDE",)),
    *((" think",), ("-",), ("_",), ("I ",), ("x",), ('"',), ("\\",), ("\n",), ("",), ("\ud800",)),
)
_texts = st.lists(st.sampled_from(FRAGMENTS), max_size=4).map(lambda each: [*chain(*each)])
_kinds: st.SearchStrategy[type[ReasoningDelta | TextDelta]] = st.sampled_from(
    (ReasoningDelta, TextDelta)
)


class Thorough(Redactor):
    """Looks at everything twice."""

    def passes(self, lines: bytes, rows: Sequence[Any]) -> bool:
        return False


def plain(lines: bytes) -> bytes:
    """Lines without what is there only where an event was made again."""
    return lines.replace(b',"usage":{}', b"")


@st.composite
def steps(draw: st.DrawFn) -> list[Recorded]:
    """What is written at once: pieces, one by one and as they came, and what ends them."""
    events: list[Recorded] = []
    said = {ReasoningDelta: "", TextDelta: ""}
    for texts in draw(st.lists(_texts.filter(len), max_size=3)):
        kind = draw(_kinds)
        if draw(st.booleans()):
            gaps = draw(st.sampled_from(((), (3,) * len(texts))))
            events.append(Run(kind, "s", 0, 0, 0, 0, 1_000, gaps, texts))
        else:
            events += [kind(text, time=1.0) for text in texts]
        said[kind] += "".join(texts)
    some = "".join(draw(_texts))
    if draw(st.booleans()):
        events.append(draw(st.sampled_from([StepFinished(0.1), ToolOutput("c", "stdout", some)])))
    call = ToolCall("c", "f", json.dumps({"p": some}))
    ends: list[Event] = [
        AssistantMessage(said[TextDelta] or None, said[ReasoningDelta] or None),
        AssistantMessage(some, None, (call,)),
        UserMessage(some),
        ToolCallStarted("c", "f", {"p": some}),
        ToolCallFinished("c", "f", ToolResult(some)),
        RequestSent("0" * 64, 5, [{"role": "user", "content": some}]),
    ]
    return [*events, *draw(st.lists(st.sampled_from(ends), max_size=2)), UserMessage("on")]


@settings(max_examples=examples(80), deadline=None)
@given(st.lists(steps(), min_size=1, max_size=3))
def test_the_first_look_leaves_what_the_thorough_one_leaves(batches: list[list[Recorded]]) -> None:
    quick, thorough = LineEncoder(Redactor([SECRET])), LineEncoder(Thorough([SECRET]))
    for batch in batches:
        assert plain(quick.lines(batch)) == plain(thorough.lines(batch))


@pytest.mark.parametrize("text", ["it is fine", f"it is {SECRET}", "a sk-abcdefghij0123456789"])
def test_what_the_message_says_again_is_looked_at_there(text: str) -> None:
    pieces = Run(TextDelta, "s", 1, 1, 1, 1, 1_000, (), [text[:8], text[8:]])
    for message in (AssistantMessage(text), AssistantMessage("something else")):
        lines = LineEncoder(Redactor([SECRET])).lines([OPENED, pieces, message])
        shown = json.loads(lines.splitlines()[1])
        assert ("".join(shown["text"]) == text) is ("fine" in text)
        assert shown["ms"] == [0, 0]


def has(texts: Sequence[str], text: str) -> bool:
    return any(each in text for each in texts)


_words = st.lists(st.sampled_from((*HINTS, *"-_BIKxJG", "sk", "gh", "p_", "word ")), max_size=40)


@settings(max_examples=examples(100), deadline=None)
@given(_words.map("".join), st.text("-_BIx", min_size=1, max_size=4))
@example("-" * 9 + "sk-", "BBBB")
def test_each_place_of_a_character_is_looked_at(text: str, secret: str) -> None:
    finder = Finder([secret])
    line = msgspec.json.encode({"a": text})
    assert finder.is_in_text(text) is has((*HINTS, secret), text)
    assert finder.is_in(line) is has((*HINTS, secret), text)


@settings(max_examples=examples(100), deadline=None)
@given(st.text(max_size=12), st.text(min_size=1, max_size=4), st.text(max_size=12))
def test_a_secret_of_any_characters_is_seen(before: str, secret: str, after: str) -> None:
    finder = Finder([secret])
    assert finder.is_in_text(before + secret + after)
    assert finder.is_in(msgspec.json.encode({"a": before + secret + after}))


def test_a_text_that_another_comes_between_is_looked_at_joined() -> None:
    pieces = [TextDelta(SECRET[:6]), ReasoningDelta("x"), TextDelta(SECRET[6:])]
    lines = LineEncoder(Redactor([SECRET])).lines([*pieces, UserMessage("on")])
    assert SECRET[:6].encode() not in lines
    assert SECRET[6:].encode() not in lines
