"""Is the page of a trace made of what it says, safely, in one pass? Without a browser."""

from __future__ import annotations

import json
import re
import stat
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.trace.journals import ONE_CALL, OPENED, written
from tests.unit.trace.memory import peak_of
from toolrun.errors import ConfigError, TraceError
from toolrun.events import (
    ApprovalDecided,
    ApprovalRequested,
    AssistantMessage,
    EgressDecided,
    LimitReached,
    ReasoningDelta,
    RequestSent,
    Retried,
    StepFinished,
    TextDelta,
    ToolCallFinished,
    ToolCallStarted,
    TurnFinished,
    UserMessage,
)
from toolrun.trace.view.folder import summary, traces_in, write_file, write_folder
from toolrun.trace.view.page import inert, shipped
from toolrun.trace.view.steps import cut
from toolrun.values import ToolCall, ToolResult, Usage

if TYPE_CHECKING:
    from pathlib import Path

    from toolrun.events import Event

# Every character that could end a data block, begin another, or hide.
_ACTIVE = [
    "<",
    ">",
    "&",
    *map(chr, (0x61C, 0x200B, 0x200E, 0x2028, 0x2029, 0x202E, 0x2066, 0xFEFF)),
]


def _data(page: bytes) -> tuple[dict[str, Any], list[list[dict[str, Any]]]]:
    """The index of a page, and the events of its steps."""
    text = page.decode()
    index = re.search(r'<script type="application/json" id="index">(.*?)</script>', text, re.DOTALL)
    blocks = re.findall(r'<script type="application/jsonl" data-steps="(\d+)">(.*?)</script>', text)
    steps = re.findall(r'data-steps="\d+">(.*?)</script>', text, re.DOTALL)
    assert index is not None
    assert blocks or steps
    return json.loads(index[1]), [
        [json.loads(line) for line in step.split("\n")]
        for block in steps
        for step in block.split("\n\n")
    ]


@pytest.mark.parametrize("character", _ACTIVE, ids=ascii)
def test_what_could_be_markup_or_hide_is_escaped_and_means_the_same(character: str) -> None:
    value = {f"a{character}": [f"{character}</script>", "plain é \U0001f600"]}
    safe = inert(json.dumps(value, ensure_ascii=False).encode())

    assert json.loads(safe) == value
    assert not {"<", ">", "&", character} & set(safe.decode())


def test_each_event_is_in_the_page_once_without_its_session(tmp_path: Path) -> None:
    written(tmp_path / "t.jsonl", ONE_CALL)
    index, steps = _data(write_file(tmp_path / "t.jsonl", tmp_path / "t.html").read_bytes())

    assert [step["id"] for step in index["steps"]] == [
        "session",
        "turn-1",
        "turn-1-step-1",
        "turn-1-step-2",
    ]
    told = [type(event).__name__ for event in ONE_CALL]
    told.remove("ReasoningDelta")  # the two pieces are one
    events = [event for step in steps for event in step]
    assert [event["type"] for event in events] == told
    assert (events[2]["text"], events[2]["after"]) == (["I have to ", "count."], [0, 1000])
    assert not any("session" in event for event in events)


@pytest.mark.parametrize("place", ["page.html", "page.css", "page.js"])
def test_the_page_is_code_that_asks_for_nothing(place: str) -> None:
    code = shipped(place)

    assert not re.search(r"https?:|//[a-z]|@import|url\(|\bsrc=|innerHTML|outerHTML", code)
    assert not re.search(r"insertAdjacent|document\.write|\beval\b|new Function|fetch\(", code)
    assert "style=" not in code


def _placed(events: list[Event], times: list[float]) -> list[Event]:
    """Events at places and times, as a journal gives them."""
    from msgspec import structs

    turn = step = 0
    placed: list[Event] = []
    for event, time in zip(events, times, strict=True):
        if isinstance(event, UserMessage):
            turn, step = turn + 1, 0
        elif isinstance(event, RequestSent) and not (placed and isinstance(placed[-1], Retried)):
            step += 1
        placed.append(structs.replace(event, turn=turn, step=step, time=time))
    return placed


def _request() -> RequestSent:
    return RequestSent(digest="d", size=1, adds=[])


def test_the_times_of_a_step_are_told_apart() -> None:
    calls = (ToolCall("a", "look", "{}"), ToolCall("b", "ask", "{}"))
    events: list[Event] = [
        UserMessage("Go.\n on"),
        _request(),
        Retried(1, "503"),
        _request(),
        ReasoningDelta("Hm"),
        StepFinished(2.0, 0.5),
        AssistantMessage(None, "Hm", calls, "tool_calls", Usage(10, 5, 8)),
        ToolCallStarted("a", "look", {}),
        ApprovalRequested("b", "ask", {}, "why"),
        ToolCallFinished("a", "look", ToolResult("1", "error")),
        ApprovalDecided("b", "approve"),
        ToolCallStarted("b", "ask", {}),
        ToolCallFinished("b", "ask", ToolResult("2")),
        TurnFinished("finished"),
    ]
    times = [0, 1, 1.4, 2, 2.5, 4, 4, 4, 4, 5, 10, 10, 10.25, 11]
    (turn, _), (step, lines) = cut(_placed(events, [float(time) for time in times]))

    assert (turn.id, turn.words, turn.step) == ("turn-1", "Go. on", 0)
    assert (step.ms, step.retry, step.first, step.sample) == (10_000, 1000, 500, 1500)
    assert (step.tools, step.asked) == (1250, 6000)
    assert (step.calls, step.retries) == ([("look", "error"), ("ask", "ok")], 1)
    assert (step.problems, step.status, step.usage) == (2, "finished", Usage(10, 5, 8))
    assert len(lines) == len(events) - 1


def test_a_step_that_never_completed_was_for_nothing() -> None:
    events = [UserMessage("Go."), _request(), TextDelta("x"), TurnFinished("failed", "gone")]
    _, (step, _) = cut(_placed(events, [0.0, 1.0, 2.0, 4.5]))

    assert (step.ms, step.retry, step.sample, step.problems) == (3500, 3500, 0, 1)


def test_the_time_of_tools_that_run_at_once_counts_once() -> None:
    calls = (ToolCall("a", "look", "{}"), ToolCall("b", "ask", "{}"))
    events: list[Event] = [
        UserMessage("Go."),
        _request(),
        AssistantMessage(None, None, calls, "tool_calls"),
        ToolCallStarted("a", "look", {}),
        ToolCallStarted("b", "ask", {}),
        EgressDecided("a", "example.org", 443, "GET", allowed=False, reason="not allowed"),
        EgressDecided("a", "example.com", 443, "GET", allowed=True),
        ToolCallFinished("a", "look", ToolResult("1")),
        ToolCallFinished("b", "ask", ToolResult("2")),
        LimitReached("steps", 1),
        TurnFinished("limited"),
    ]
    times = [0, 1, 2, 2, 3, 3, 3, 4, 6, 6, 6]
    _, (step, _) = cut(_placed(events, [float(time) for time in times]))

    assert step.tools == 4000
    assert step.problems == 3  # a host that was refused, a limit, and an end by it


def test_of_no_events_there_is_no_step() -> None:
    assert list(cut([])) == []


def test_a_trace_that_goes_wrong_is_shown_up_to_there(tmp_path: Path) -> None:
    lines = written(tmp_path / "t.jsonl", ONE_CALL).splitlines(keepends=True)
    (tmp_path / "t.jsonl").write_bytes(b"".join(lines[:4]) + b'{"type":"<b>Nonsense"}\n')
    index, steps = _data(write_file(tmp_path / "t.jsonl", tmp_path / "t.html").read_bytes())

    assert "line 5" in index["error"]
    assert sum(map(len, steps)) >= 2
    told = summary("t.jsonl", tmp_path / "t.jsonl")
    assert "line 5" in told.error
    assert told.title == "How long is notes.txt?"


def test_half_a_line_at_the_end_is_said(tmp_path: Path) -> None:
    data = written(tmp_path / "t.jsonl", ONE_CALL)
    (tmp_path / "t.jsonl").write_bytes(data[:-20])
    index, _ = _data(write_file(tmp_path / "t.jsonl", tmp_path / "t.html").read_bytes())

    assert index["truncated"] is True


def test_what_is_no_trace_is_refused_and_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text("{}\n")
    (tmp_path / "t.html").write_text("mine")

    with pytest.raises(TraceError, match="line 1"):
        write_file(tmp_path / "t.jsonl", tmp_path / "t.html")
    assert (tmp_path / "t.html").read_text() == "mine"


def test_pages_are_for_their_owner_alone(tmp_path: Path) -> None:
    written(tmp_path / "t.jsonl", ONE_CALL)
    (tmp_path / "t.html").touch(mode=0o644)
    page = write_file(tmp_path / "t.jsonl", tmp_path / "t.html")
    index, _ = write_folder(tmp_path, tmp_path / "out")

    for file in (page, index, index.with_name("t.jsonl.html")):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(index.parent.stat().st_mode) == 0o700


def test_a_folder_is_its_traces_and_no_link_out_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    for path in (folder / "a.jsonl", folder / "sub" / "b.jsonl", tmp_path / "secret.jsonl"):
        written(path, ONE_CALL)
    (folder / "link.jsonl").symlink_to(tmp_path / "secret.jsonl")
    (folder / "gone.jsonl").symlink_to(folder / "nowhere")
    (folder / "other.jsonl").write_text('{"not": "a trace"}\n')

    assert sorted(traces_in(folder)) == ["a.jsonl", "sub/b.jsonl"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="there is no trace in"):
        write_folder(tmp_path / "empty", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_memory_for_a_page_does_not_grow_with_its_trace(tmp_path: Path) -> None:
    def peak(turns: int) -> int:
        turn = (UserMessage("Go."), _request(), AssistantMessage("a" * 20_000, None, (), "stop"))
        trace = tmp_path / f"{turns}.jsonl"
        written(trace, [OPENED, *turn * turns])
        return peak_of(partial(write_file, trace, tmp_path / "t.html"))

    assert peak(160) < 1.5 * peak(20)  # 3.2 MB and 0.4


def test_the_colours_of_texts_can_be_read() -> None:
    """WCAG AA: 4.5 to 1, light and dark, on each ground that there is."""
    pairs = dict(re.findall(r"--([\w-]+): light-dark\((#\w+, #\w+)\)", shipped("page.css")))
    for ground in ("ground", "card", "sunk", "bad-ground", "warn-ground", "user-ground"):
        for text in ("text", "faint", "accent", "good", "bad", "warn"):
            if ground == "user-ground" and text in {"good", "bad", "warn"}:
                continue  # they do not stand there
            for scheme in (0, 1):
                colours = [_luminance(pairs[name].split(", ")[scheme]) for name in (ground, text)]
                dark, light = sorted(colours)
                assert (light + 0.05) / (dark + 0.05) >= 4.5, (ground, text, scheme)


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
