"""Whatever harmony the model writes, and however it is cut: is it read the same, and is none lost?

Steps are made as gpt-oss writes them, token by token, apart from the code that renders; what they
must say is known from how they were made.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.rig.examples import examples
from toolrun.errors import MalformedOutput
from toolrun.models.harmony.parse import Parsed, ParsedCall, StepParser, parse
from toolrun.models.harmony.vocabulary import load

if TYPE_CHECKING:
    from collections.abc import Sequence

BUILTINS = ("python", "browser_search")
START, END, RETURN, CALL, MESSAGE = 200006, 200007, 200002, 200012, 200008
CHANNEL, CONSTRAIN = 200005, 200003
SPECIAL = (START, END, RETURN, CALL, MESSAGE, CHANNEL, CONSTRAIN, 199998, 199999)
VOCABULARY = 201_088
ENCODING = load()


class Said(NamedTuple):
    """A message that the model writes: its header after `assistant`, its text, and what it is."""

    header: str
    text: str
    kind: str
    tool: str = ""


def encoded(text: str, *, special: bool = False) -> list[int]:
    if special:
        return list(ENCODING.encode(text, allowed_special="all"))
    return list(ENCODING.encode(text, disallowed_special=()))


def decoded(tokens: Sequence[int]) -> str:
    """The text of any tokens, each taken by itself."""
    return b"".join(map(bytes_of, tokens)).decode("utf-8", "replace")


def bytes_of(token: int) -> bytes:
    try:
        text: str = ENCODING.decode([token], errors="surrogateescape")
    except Exception:  # noqa: BLE001 - harmony knows no such token
        return "\ufffd".encode()
    return text.encode("utf-8", "surrogateescape")


TEXT = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="aé漢👩🏽‍🚀𝔘\u200d\n ", max_size=20),  # noqa: RUF001 - astral, joined
    st.sampled_from(
        ["", "<|end|>", "<|start|>assistant<|channel|>final<|message|>", '{"a":1}', "\n"]
    ),
)
CALLS = st.sampled_from(
    [
        ("<|channel|>commentary to=functions.f <|constrain|>json", "f"),
        ("<|channel|>commentary to=functions.f", "f"),
        (" to=functions.get_weather<|channel|>commentary <|constrain|>json", "get_weather"),
        (" to=functions.f<|channel|>commentary json", "f"),
        ("<|channel|>analysis to=python code", "python"),
        (" to=python<|channel|>analysis code", "python"),
        ("<|channel|>analysis to=browser.search code", "browser_search"),
    ]
)
MESSAGES = st.one_of(
    st.builds(lambda text: Said("<|channel|>analysis", text, "reasoning"), TEXT),
    st.builds(lambda text: Said("<|channel|>commentary", text, "text"), TEXT),
    st.builds(lambda call, text: Said(call[0], text, "call", call[1]), CALLS, TEXT),
    st.builds(lambda text: Said("<|channel|>final", text, "text"), TEXT),
)
STEPS = st.lists(MESSAGES, min_size=1, max_size=5)


def written(said: Sequence[Said]) -> list[int]:
    """The tokens of a step."""
    tokens: list[int] = []
    for number, each in enumerate(said):
        if number:
            tokens += encoded("<|start|>assistant", special=True)
        tokens += encoded(each.header, special=True)
        tokens += [MESSAGE, *encoded(each.text)]
        last = number == len(said) - 1
        tokens.append(CALL if each.kind == "call" else RETURN if last else END)
    return tokens


def meant(said: Sequence[Said]) -> tuple[str | None, str | None, tuple[tuple[str, str], ...]]:
    """Content, reasoning and calls of a step."""

    def joined(kind: str) -> str | None:
        return "\n".join(each.text for each in said if each.kind == kind and each.text) or None

    calls = tuple(
        (each.tool, json.dumps({"code": each.text}) if each.tool == "python" else each.text)
        for each in said
        if each.kind == "call"
    )
    return joined("text"), joined("reasoning"), calls


def same_calls(calls: Sequence[ParsedCall]) -> tuple[tuple[str, str], ...]:
    """Calls with the code of python written as `meant` writes it."""
    return tuple(
        (c.name, json.dumps(json.loads(c.arguments)) if c.name == "python" else c.arguments)
        for c in calls
    )


class Heard:
    """Reads a step in pieces, and keeps what is told on the way."""

    def __init__(self) -> None:
        self.reasoning: list[str] = []
        self.text: list[str] = []
        self.calls: list[str] = []
        self.parser = StepParser(
            ENCODING,
            BUILTINS,
            on_reasoning=self.reasoning.append,
            on_text=self.text.append,
            on_call=self.calls.append,
        )

    def read(self, pieces: Sequence[Sequence[int]], *, cut: bool) -> Parsed:
        for piece in pieces:
            self.parser.feed(piece)
        return self.parser.finish(cut=cut)


def pieces_of(tokens: list[int], cuts: Sequence[int]) -> list[list[int]]:
    places = [0, *sorted({cut % (len(tokens) + 1) for cut in cuts}), len(tokens)]
    return [tokens[a:b] for a, b in pairwise(places)]


def outcome(pieces: Sequence[Sequence[int]], *, cut: bool) -> tuple[Parsed | str, Heard]:
    """What a step says, or the code of what is wrong with it."""
    heard = Heard()
    try:
        return heard.read(pieces, cut=cut), heard
    except MalformedOutput as error:
        return error.code, heard


@settings(max_examples=examples(60))
@given(said=STEPS, cuts=st.lists(st.integers(0, 10_000), max_size=8))
def test_a_step_says_what_was_written_whole_and_in_pieces(
    said: list[Said], cuts: list[int]
) -> None:
    tokens = written(said)
    whole = parse(ENCODING, tokens, BUILTINS)
    assert (whole.content, whole.reasoning, same_calls(whole.calls)) == meant(said)

    for pieces in (pieces_of(tokens, cuts), [[token] for token in tokens]):
        heard = Heard()
        assert heard.read(pieces, cut=False) == whole
        assert "".join(heard.text) == (whole.content or "")
        assert "".join(heard.reasoning) == (whole.reasoning or "")
        assert heard.calls == [call.name for call in whole.calls]


@settings(max_examples=examples(60))
@given(said=STEPS, at=st.integers(0, 10_000), cut=st.booleans())
def test_a_step_that_is_cut_anywhere_says_the_same_in_pieces(
    said: list[Said], at: int, *, cut: bool
) -> None:
    tokens = written(said)
    tokens = tokens[: at % (len(tokens) + 1)]
    whole, _ = outcome([tokens], cut=cut)
    streamed, heard = outcome([[token] for token in tokens], cut=cut)
    assert streamed == whole
    if isinstance(whole, str):
        assert (whole, cut) == ("malformed-header", False)
        return
    # What was whole before the cut is there, and of what was cut no more than was written.
    content, reasoning, calls = meant(said)
    assert (content or "").startswith((whole.content or "").rstrip("\ufffd"))
    assert (reasoning or "").startswith((whole.reasoning or "").rstrip("\ufffd"))
    assert [call.name for call in whole.calls] == [name for name, _ in calls[: len(whole.calls)]]
    assert "".join(heard.text) == (whole.content or "")
    assert 0 <= whole.kept <= len(tokens)


GARBAGE = st.lists(
    st.one_of(
        st.sampled_from(SPECIAL),
        st.sampled_from(encoded("assistant analysis final commentary to=functions.f json")),
        st.integers(0, VOCABULARY + 1000),
        st.integers(0, 2**32 - 1),
    ),
    max_size=60,
)
# Tokens that hold parts of characters, in any order: most of it is no UTF-8.
SCRAPS = st.lists(st.sampled_from(encoded("👩🏽‍🚀𝔘漢é ᚠ 🦀")), max_size=12)


def texts_in(tokens: Sequence[int]) -> list[tuple[int, str]]:
    """Where texts stand in tokens, read by a plain rule: from `<|message|>` to what ends it."""
    found, at = [], 0
    while MESSAGE in tokens[at:]:
        begin = tokens.index(MESSAGE, at) + 1
        end = next((i for i in range(begin, len(tokens)) if tokens[i] in (END, RETURN, CALL)), None)
        found.append((begin, decoded(tokens[begin:end])))
        if end is None:
            break
        at = end
    return found


@settings(max_examples=examples(150))
@given(
    tokens=st.one_of(
        GARBAGE,
        st.builds(lambda rest: [CHANNEL, *encoded("final"), MESSAGE, *rest], GARBAGE),
        st.builds(lambda said, rest: [*written(said), *rest], STEPS, GARBAGE),
        st.builds(lambda rest: [CHANNEL, *encoded("final"), MESSAGE, *rest, RETURN], SCRAPS),
    ),
    cuts=st.lists(st.integers(0, 10_000), max_size=4),
    cut=st.booleans(),
)
@example(tokens=[], cuts=[], cut=False)
@example(tokens=[MESSAGE], cuts=[], cut=False)
@example(tokens=[2**32 - 1] * 3, cuts=[], cut=False)
def test_garbage_is_read_or_refused_and_no_text_is_lost(
    tokens: list[int], cuts: list[int], *, cut: bool
) -> None:
    whole, _ = outcome([tokens], cut=cut)
    streamed, heard = outcome(pieces_of(tokens, cuts), cut=cut)
    assert streamed == whole
    if isinstance(whole, str):  # sampled again; nothing of it is used
        assert whole in {"malformed-header", "too-many-calls"}
        return
    said = "\n".join([whole.content or "", whole.reasoning or "", *map(text_of, whole.calls)])
    for begin, text in texts_in(tokens):
        if begin <= whole.kept:
            assert text in said
    assert "".join(heard.text) == (whole.content or "")
    assert "".join(heard.reasoning) == (whole.reasoning or "")


def text_of(call: ParsedCall) -> str:
    return str(json.loads(call.arguments)["code"]) if call.name == "python" else call.arguments


@pytest.mark.parametrize("token", [-1, 2**32, 2**70])
def test_an_id_that_is_none_is_refused_like_other_garbage(token: int) -> None:
    for tokens in ([token], [CHANNEL, *encoded("final"), MESSAGE, token]):
        found, _ = outcome([tokens], cut=False)
        assert found == "malformed-header" or (isinstance(found, Parsed) and found.content)
