"""Does a secret reach the disk, whole or in pieces?"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rig.examples import examples
from tests.unit.trace.journals import OPENED, written
from toolrun.events import (
    ApprovalDecided,
    ApprovalRequested,
    AssistantMessage,
    Event,
    ReasoningDelta,
    RequestSent,
    SessionOpened,
    TextDelta,
    ToolCallFinished,
    ToolCallStarted,
    ToolOutput,
    UserMessage,
)
from toolrun.journal import BATCH
from toolrun.trace.encoder import LineEncoder
from toolrun.trace.reader import read_trace
from toolrun.trace.redact import Redactor
from toolrun.values import ToolCall, ToolResult

SECRET = "hunter2-Zürich"
KEY = "sk-proj-abcdefghij0123456789"


def test_a_secret_is_replaced_wherever_a_string_stands(tmp_path: Path) -> None:
    data = written(
        tmp_path / "t.jsonl",
        [
            SessionOpened("1", "2026-01-01", {"extra_body": {SECRET: [f"x{SECRET}y"]}}),
            UserMessage(f"my password is {SECRET}!"),
            RequestSent("0" * 64, 5, [{"role": "user", "content": SECRET}]),
            AssistantMessage(
                SECRET, f"think {SECRET}", (ToolCall("c", "f", json.dumps({"p": SECRET})),)
            ),
            ToolCallStarted("c", "f", {"p": SECRET}),
            ToolCallFinished("c", "f", ToolResult(f'{{"p": "{SECRET}"}}')),
        ],
        secrets=[SECRET],
    )
    assert b"hunter2" not in data
    events = read_trace(tmp_path / "t.jsonl", check=True).events
    assert isinstance(events[1], UserMessage)
    assert events[1].content == "my password is [redacted]!"
    message = events[3]
    assert isinstance(message, AssistantMessage)
    assert message.tool_calls[0].arguments == '{"p": "[redacted]"}'


@pytest.mark.parametrize("secret", ['with "quotes" and \\', "new\nline", "tab\t", "日本語"])
def test_a_secret_that_json_escapes_is_found_in_arguments(secret: str, tmp_path: Path) -> None:
    calls = tuple(
        ToolCall(f"c{number}", "f", json.dumps({"p": secret}, ensure_ascii=ascii_only))
        for number, ascii_only in enumerate((True, False))
    )
    written(tmp_path / "t.jsonl", [OPENED, AssistantMessage(None, secret, calls)], secrets=[secret])
    message = read_trace(tmp_path / "t.jsonl").events[1]
    assert isinstance(message, AssistantMessage)
    assert message.reasoning == "[redacted]"
    assert [call.arguments for call in message.tool_calls] == ['{"p": "[redacted]"}'] * 2


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"key {KEY}, please", "key [redacted], please"),
        (f"Authorization: Bearer {'a1.B2' * 5}", "Authorization: Bearer [redacted]"),
        ("ask-me-anything-about-this-and-that", None),
        ("a sk-short and a Bearer bond", None),
        ("Bearer authentication is a scheme", None),
    ],
)
def test_keys_are_known_by_their_pattern(text: str, left: str | None, tmp_path: Path) -> None:
    written(tmp_path / "t.jsonl", [OPENED, UserMessage(text)])
    event = read_trace(tmp_path / "t.jsonl").events[1]
    assert isinstance(event, UserMessage)
    assert event.content == (text if left is None else left)


@pytest.mark.parametrize("kind", [ReasoningDelta, TextDelta])
def test_a_secret_split_over_deltas_is_found_and_the_boundaries_stay(
    kind: type[ReasoningDelta | TextDelta], tmp_path: Path
) -> None:
    pieces = ["it is hun", "ter2", "-Zür", "ich, you see"]
    said = "".join(pieces)
    data = written(
        tmp_path / "t.jsonl",
        [OPENED, UserMessage("?"), *(kind(piece) for piece in pieces), AssistantMessage(said)],
        secrets=[SECRET],
    )
    assert "ter2" not in data.decode()
    events = read_trace(tmp_path / "t.jsonl").events
    texts = [event.text for event in events if isinstance(event, kind)]
    assert texts == ["it is [redacted]", "", "", ", you see"]


def test_outputs_of_two_calls_at_once_do_not_hide_a_secret(tmp_path: Path) -> None:
    data = written(
        tmp_path / "t.jsonl",
        [
            OPENED,
            ToolOutput("a", "stdout", "hunter"),
            ToolOutput("b", "stdout", "other "),
            ToolOutput("a", "stderr", "noise "),
            ToolCallFinished("b", "g", ToolResult("1")),
            ToolOutput("a", "stdout", "2-Zürich and more"),
            ToolCallFinished("a", "f", ToolResult("2")),
        ],
        secrets=[SECRET],
    )
    text = data.decode()
    assert "hunter" not in text
    assert "2-Zürich" not in text
    assert "other " in text
    assert "noise " in text
    assert " and more" in text


def test_a_key_that_goes_on_after_a_write_is_not_shown_in_part(tmp_path: Path) -> None:
    data = written(
        tmp_path / "t.jsonl",
        [
            OPENED,
            ToolOutput("a", "stdout", "s"),
            ToolCallFinished("b", "g", ToolResult("1")),
            ToolOutput("a", "stdout", KEY[1:]),
            ToolCallFinished("c", "g", ToolResult("1")),
            ToolOutput("a", "stdout", "REST0fTheKey"),
            ToolCallFinished("a", "f", ToolResult("2")),
        ],
    )
    assert b"abcdefghij" not in data
    assert b"REST" not in data


def test_a_secret_over_the_end_of_a_full_batch_is_found(tmp_path: Path) -> None:
    filler = [TextDelta("x")] * (BATCH - 2)
    events: list[Event] = [OPENED, *filler, TextDelta("y"), TextDelta("hunter"), TextDelta("2-Zür")]
    data = written(
        tmp_path / "t.jsonl",
        [*events, TextDelta("ich!"), AssistantMessage("z")],
        secrets=[SECRET],
    ).decode()
    assert "hunter" not in data
    assert "2-Zür" not in data
    assert "ich" not in data
    assert '"!"' in data


def test_texts_of_two_steps_that_are_written_together_make_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    pieces = [TextDelta("it is hunter2"), AssistantMessage("it is hunter2")]
    more = [TextDelta("-Zürich"), AssistantMessage("-Zürich"), UserMessage("and on")]
    written(path, [OPENED, *pieces, *more], secrets=[SECRET])
    texts = [each.text for each in read_trace(path).events if isinstance(each, TextDelta)]
    assert texts == ["it is hunter2", "-Zürich"]
    written(path, [OPENED, *pieces, TextDelta(SECRET), *more], secrets=[SECRET])
    texts = [each.text for each in read_trace(path).events if isinstance(each, TextDelta)]
    assert texts == ["it is hunter2", "[redacted]", "-Zürich"]


def test_once_something_is_redacted_neither_digest_nor_tokens_tell_of_it(tmp_path: Path) -> None:
    written(
        tmp_path / "t.jsonl",
        [
            OPENED,
            UserMessage("harmless"),
            RequestSent("1" * 64, 5, []),
            AssistantMessage("fine", prompt_token_ids=(1, 2), token_ids=(3,)),
            UserMessage(SECRET),
            RequestSent("2" * 64, 5, []),
            AssistantMessage("fine", prompt_token_ids=(1, 2, 4), token_ids=(5,)),
        ],
        secrets=[SECRET],
    )
    events = read_trace(tmp_path / "t.jsonl", check=True).events
    assert [event.digest for event in events if isinstance(event, RequestSent)] == ["1" * 64, ""]
    messages = [event for event in events if isinstance(event, AssistantMessage)]
    assert messages[0].token_ids == (3,)
    assert messages[1].token_ids is None
    assert messages[1].prompt_token_ids is None


def test_a_secret_that_a_model_writes_as_a_number_is_found(tmp_path: Path) -> None:
    pin, card = "4711471147", 4111111111111111
    arguments = {"pin": int(pin), "cards": [card, 1.5, True, {"no": card}], "rate": 41.5}
    data = written(
        tmp_path / "t.jsonl",
        [
            SessionOpened("1", "2026-01-01", {"limits": {"calls": 4000000000000000}}),
            UserMessage("pay"),
            AssistantMessage(None, None, (ToolCall("c", "pay", json.dumps(arguments)),)),
            ApprovalRequested("c", "pay", arguments, "a rule"),
            ApprovalDecided("c", "edit", arguments=arguments),
            ToolCallStarted("c", "pay", arguments),
        ],
        secrets=[pin, str(card)],
    )

    assert pin.encode() not in data
    assert str(card).encode() not in data
    events = read_trace(tmp_path / "t.jsonl", check=True).events
    assert isinstance(events[0], SessionOpened)
    assert events[0].settings == {"limits": {"calls": 4000000000000000}}
    mark = "[redacted]"
    left = {"pin": mark, "cards": [mark, 1.5, True, {"no": mark}], "rate": 41.5}
    for event in events[3:]:
        assert isinstance(event, ApprovalRequested | ApprovalDecided | ToolCallStarted)
        assert event.arguments == left


def test_an_empty_secret_redacts_nothing(tmp_path: Path) -> None:
    data = written(tmp_path / "t.jsonl", [OPENED, UserMessage("hello")], secrets=["", "nowhere"])
    assert b'"content":"hello"' in data


@settings(max_examples=examples(300), deadline=None)
@given(
    st.text("abc-", min_size=3, max_size=8),
    st.text("abc- ", max_size=40),
    st.lists(st.integers(0, 60), max_size=8),
    st.lists(st.booleans(), min_size=9, max_size=9),
)
def test_no_cut_of_a_text_lets_a_secret_through(
    secret: str, text: str, cuts: list[int], durable: list[bool]
) -> None:
    whole = text + secret + text
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    encoder = LineEncoder(Redactor([secret]))
    lines = b""
    batch: list[Event] = []
    for (begin, end), flush in zip(itertools.pairwise(places), durable, strict=False):
        batch.append(ToolOutput("c", "stdout", whole[begin:end]))
        if flush:
            lines += encoder.lines([*batch, UserMessage(".")])
            batch = []
    lines += encoder.lines([*batch, ToolCallFinished("c", "f", ToolResult("."))])
    shown = "".join(
        each["text"] for each in map(json.loads, lines.splitlines()) if each["type"] == "ToolOutput"
    )
    assert secret not in shown


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(st.text(max_size=20), max_size=20))
def test_without_a_secret_every_byte_is_kept(texts: list[str]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "t.jsonl"
        written(path, [OPENED, *map(TextDelta, texts), AssistantMessage("x")], secrets=["\0never"])
        events = read_trace(path).events
    assert [event.text for event in events if isinstance(event, TextDelta)] == texts
