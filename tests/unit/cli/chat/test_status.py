"""Does the status line say what is known, in the room that there is?"""

from __future__ import annotations

import pytest

from toolrun import events as ev
from toolrun.cli.chat.meter import Meter
from toolrun.cli.chat.status import Status, clock, price, short
from toolrun.config import Config
from toolrun.limits import Prices
from toolrun.state import State, fold
from toolrun.values import ToolResult, Usage

FULL = Status(
    model="openai/gpt-oss-20b",
    server="vLLM 0.32.0",
    profile="workspace-ro",
    used=15_200,
    length=131_072,
    rate=43.4,
    cached=0.874,
    cost=0.0123,
    tools=("word_count",),
    since=100.0,
)


def test_all_of_it_stands_where_there_is_room() -> None:
    assert FULL.plain(200, now=103.25) == (
        "openai/gpt-oss-20b · vLLM 0.32.0 · workspace-ro · 12% of 131k tokens · 43 tok/s"
        " · 87% cached · cost 0.01 · ▶ word_count 3.2 s"
    )


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (80, "gpt-oss-20b · workspace-ro · 12% · 43 tok/s · 87% cached · cost 0.01 · ▶ 3.2 s"),
        (60, "openai/gpt-oss-20b · workspace-ro · 12% · 43 tok/s · ▶ 3.2 s"),
        (40, "gpt-oss-20b · 12% · ▶ word_count 3.2 s"),
        (20, "12% · ▶ 3.2 s"),
        (8, "▶ 3.2 s"),
        (3, "▶ 3"),
        (1, "▶"),
    ],
)
def test_what_matters_least_goes_first(width: int, shown: str) -> None:
    assert FULL.plain(width, now=103.25) == shown


@pytest.mark.parametrize("width", range(1, 160))
def test_it_is_never_wider_than_it_may_be(width: int) -> None:
    wide = Status(model="模型/模型模型", used=99, rate=1.0, live=True, tools=("工具", "工具"))
    for status in (FULL, wide):
        for unicode in (True, False):
            text = status.plain(width, unicode=unicode, now=5.0)
            assert sum(1 + (ord(each) > 0x2FFF) for each in text) <= width
            assert unicode or status is wide or text.isascii()


def test_names_of_others_are_shown_on_one_line_and_never_raw() -> None:
    text = Status(model="a\x1b[2Jb\nc", server="v\x07", profile="p\x9b", tools=("t\n\x1b]52;",))
    shown = text.plain(200)
    assert "\x1b" not in shown
    assert "\n" not in shown
    assert "\x07" not in shown
    assert "\x9b" not in shown


def test_a_full_context_is_a_warning() -> None:
    styles = {text: style for style, text in Status(used=81, length=100).text(80)}
    assert styles == {"81% of 100 tokens": "class:status.warning"}
    assert Status(used=79, length=100).text(80)[0][0] == "class:status"
    assert Status(used=15_200).plain(80) == "15.2k tokens"


def test_nothing_is_said_of_what_is_not_known() -> None:
    assert Status().text(80) == []
    assert Status(model="m").plain(80) == "m"
    assert not Status(model="m").ticks
    assert FULL.ticks


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (999, "999"), (1000, "1.0k"), (99_949, "99.9k"), (131_072, "131k")],
)
def test_a_number_of_tokens_is_short(count: int, text: str) -> None:
    assert short(count) == text


def test_a_price_and_a_clock() -> None:
    assert [price(each) for each in (0.0, 0.00123, 0.0123, 12.5)] == [
        "0.00",
        "0.0012",
        "0.01",
        "12.50",
    ]
    assert [clock(each) for each in (-1, 3.21, 59.94, 61, 3600)] == [
        "0.0 s",
        "3.2 s",
        "59.9 s",
        "1:01",
        "60:00",
    ]


class Time:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


def stepped(usage: Usage, *, seconds: float = 3.0, first: float | None = 1.0) -> list[ev.Event]:
    return [
        ev.StepFinished(seconds, first, usage, turn=1, step=1),
        ev.AssistantMessage("Hello.", usage=usage, turn=1, step=1),
    ]


def test_the_rate_of_a_running_step_is_counted_by_its_pieces(time: Time) -> None:
    meter = Meter(clock=time)
    meter.show(ev.RequestSent("", 1, []))
    assert meter.status().rate == 0.0
    for _ in range(11):
        meter.show(ev.ReasoningDelta("a"))
        time.now += 0.1
    status = meter.status()
    assert status.live
    assert status.rate == pytest.approx(10.0)
    assert status.plain(80) == "≈10 tok/s"
    for event in stepped(Usage(100, 60)):
        meter.show(event)
    assert (meter.status().rate, meter.status().live) == (30.0, False)


def test_a_reply_that_came_at_once_tells_no_rate(time: Time) -> None:
    meter = Meter(clock=time)
    for event in (*stepped(Usage(100, 60)), *stepped(Usage(100, 20), seconds=0.3, first=0.2995)):
        meter.show(event)
    assert meter.status().rate == 30.0


def test_what_is_void_is_not_counted(time: Time) -> None:
    meter = Meter(clock=time)
    for event in (ev.TextDelta("a"), ev.TextDelta("a"), ev.Retried(1, "broken"), ev.TextDelta("b")):
        time.now += 1
        meter.show(event)
    assert meter.status().rate == 0.0


def test_the_context_is_what_the_last_step_took() -> None:
    meter = Meter(length=1000)
    for turn, total in ((1, 100), (2, 300)):
        meter.show(ev.UserMessage("hi", turn=turn))
        meter.show(ev.AssistantMessage("a", usage=Usage(total - 10, 10), turn=turn, step=1))
    assert meter.status().used == 300
    meter.show(ev.TurnUndone(turn=2))
    assert meter.status().used == 100
    meter.show(ev.Compacted(before=300, after=40, usage=Usage(300, 20)))
    assert meter.status().used == 40
    assert meter.usage == Usage(90 + 290 + 300, 10 + 10 + 20)


def test_the_cached_share_is_said_once_the_server_has_told_of_any() -> None:
    meter = Meter()
    meter.show(ev.AssistantMessage("a", usage=Usage(100, 1)))
    assert meter.status().cached is None
    meter.show(ev.AssistantMessage("a", usage=Usage(100, 1, 50)))
    assert meter.status().cached == 0.5
    meter.show(ev.AssistantMessage("a", usage=Usage(100, 1)))
    assert meter.status().cached == 0.0


def test_the_cost_is_that_of_the_model_that_was_asked() -> None:
    prices = {"a": Prices(1_000_000, 2_000_000, 0), "b": Prices(10_000_000, 0)}
    meter = Meter("a", prices=prices)
    meter.show(ev.AssistantMessage("x", usage=Usage(3, 2, 1)))
    assert meter.status().cost == 6.0
    meter.show(ev.SettingsChanged({"model": "b", "profile": "python"}))
    meter.show(ev.AssistantMessage("x", usage=Usage(1, 2)))
    assert (meter.status().cost, meter.status().model, meter.status().profile) == (
        16.0,
        "b",
        "python",
    )
    meter.show(ev.SettingsChanged({"model": "free"}))
    assert meter.status().cost is None


def test_the_clock_is_that_of_the_first_tool_that_runs(time: Time) -> None:
    meter = Meter(clock=time)
    meter.show(ev.ToolCallStarted("1", "wait", {}))
    time.now += 2
    meter.show(ev.ToolCallStarted("2", "count", {}))
    assert (meter.status().tools, meter.status().since) == (("wait", "count"), 50.0)
    meter.show(ev.ToolCallFinished("1", "wait", ToolResult("")))
    assert (meter.status().tools, meter.status().since) == (("count",), 52.0)
    meter.show(ev.TurnFinished("cancelled"))
    assert meter.status().tools == ()


def test_a_session_that_goes_on_begins_with_what_it_took() -> None:
    events: list[ev.Durable] = [
        ev.SessionOpened("1", "2026-01-01", {}, seq=1),
        ev.UserMessage("hi", seq=2, turn=1),
        ev.AssistantMessage("a", usage=Usage(90, 10, 45), seq=3, turn=1, step=1),
        ev.TurnFinished("finished", seq=4, turn=1),
    ]
    meter = Meter(length=200, prices={"m": Prices(1_000_000, 0)})
    config = Config(model="m", profile="python")
    meter.take_up(config, fold(events))
    status = meter.status()
    assert (status.used, status.cached, status.cost) == (100, 0.5, 90.0)
    assert (status.model, status.profile) == ("m", "python")
    meter.take_up(config, State())
    assert meter.status().used == 0


def test_the_line_is_due_now_and_then_while_a_text_streams(time: Time) -> None:
    meter = Meter(clock=time)
    due = 0
    for _ in range(2000):
        meter.show(ev.TextDelta("a"))
        due += meter.due()
        time.now += 0.0005
    assert 2 <= due <= 5
    meter.show(ev.ToolCallStarted("1", "wait", {}))
    assert meter.due()
