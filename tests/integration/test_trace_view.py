"""Does the page of a trace show it? In a real Chromium."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from tests.rig.chromium import Seen, aside, looking_at
from tests.rig.mock import MockServer
from tests.rig.rich import record
from tests.unit.trace.journals import OPENED, written
from toolrun.events import (
    AssistantMessage,
    ReasoningDelta,
    RequestSent,
    StepFinished,
    ToolCallFinished,
    ToolCallStarted,
    TurnFinished,
    UserMessage,
)
from toolrun.trace.view.folder import write_file, write_folder
from toolrun.values import ToolCall, ToolResult, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from toolrun.events import Event

pytestmark = pytest.mark.load
TRACES = Path(__file__).parents[1] / "traces" / "format-1"
DENIED = "#turn-2-step-1"


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a session in which much happened."""
    folder = tmp_path_factory.mktemp("rich")
    with MockServer() as mock:
        aside(anyio.run, record, folder / "rich.jsonl", mock)
    return write_file(folder / "rich.jsonl", folder / "rich.html")


@pytest.fixture
def page(rich: Path, browser: Browser) -> Iterator[Page]:
    with looking_at(browser, rich) as (page, _):
        yield page


def until(page: Page, true: str) -> Any:
    """Wait for an expression to be true; the page's policy forbids playwright to wait in it."""
    end = time.monotonic() + 20
    while not (value := page.evaluate(true)):
        assert time.monotonic() < end, f"never true: {true}"
        page.wait_for_timeout(20)
    return value


def current(page: Page) -> str:
    found: str = page.evaluate("document.querySelector('article.now')?.id ?? ''")
    return found


def test_it_opens_with_what_it_came_to(page: Page) -> None:
    assert page.title() == "Which of yesterday's orders are late, and why? \u00b7 toolrun trace"
    totals = page.inner_text("#totals").split("\n")
    named = {what: totals[totals.index(what) + 1] for what in totals[2::2]}
    assert {"turns": "3", "steps": "8", "calls, 4 failed": "9"}.items() <= named.items()
    assert {"tokens in": "15,066", "cached": "82%", "retry": "1"}.items() <= named.items()


def test_the_timeline_has_a_bar_for_each_step(page: Page) -> None:
    rows = page.locator("#rows .row")
    bars = page.locator("#rows .row:not(.head) .bar")

    assert rows.count() == 12
    assert bars.count() == 8
    kinds = [[each.get_attribute("class") for each in bar.locator("i").all()] for bar in bars.all()]
    assert kinds[:4] == [
        ["first", "sample"],
        ["first", "sample", "tools"],
        ["first", "sample", "tools"],
        ["retry", "first", "sample"],
    ]
    # They follow each other: a bar begins where the one before it ends.
    ends = 0.0
    for bar in bars.all()[:4]:
        boxes = [each.bounding_box() for each in bar.locator("i").all()]
        assert all(boxes)
        assert abs(boxes[0]["x"] - (ends or boxes[0]["x"])) < 4  # type: ignore[index]
        ends = boxes[-1]["x"] + boxes[-1]["width"]  # type: ignore[index]
    assert page.locator("#rows .row.problem").count() == 4


def test_a_click_on_the_timeline_leads_to_the_step(page: Page) -> None:
    page.locator(f"#rows a[href='{DENIED}']").click()

    assert current(page) == "turn-2-step-1"
    assert page.url.endswith(DENIED)
    assert page.locator("#rows [aria-current=step]").get_attribute("href") == DENIED


def test_calls_say_how_they_went(page: Page) -> None:
    steps = {key: page.locator(f"#{key}") for key in ("turn-1-step-1", "turn-1-step-3")}
    invalid = steps["turn-1-step-1"].locator(".call.failed")
    assert "arguments invalid" in invalid.inner_text()
    assert '$.late_only: "yes" breaks the rule type' in invalid.inner_text()
    assert steps["turn-1-step-3"].locator(".call").count() == 3

    page.locator(f"#rows a[href='{DENIED}']").click()
    note, refund = page.locator(f"{DENIED} .call").all()
    assert "sandbox workspace" in note.inner_text()
    assert "+ created late.md 155 B" in note.inner_text()
    assert "refund asks for approval denied a manager has to see refunds" in refund.inner_text()

    page.locator("#rows a[href='#turn-3-step-1']").click()
    forecast, report = page.locator("#turn-3-step-1 .call").all()
    assert "timeout" in forecast.inner_text()
    assert "did not finish within 1 s" in forecast.inner_text()
    assert "ValueError" in report.inner_text()


def test_a_retry_is_told(page: Page) -> None:
    page.locator("#rows a[href='#turn-1-step-4']").click()

    said = page.locator("#turn-1-step-4 .notice").inner_text()
    assert "Attempt 1 failed, sampled again" in said
    assert "503" in said


def test_reasoning_is_folded_and_unfolds(page: Page) -> None:
    reasoning = page.locator("#turn-1-step-2 .reasoning .said")
    assert not reasoning.is_visible()

    page.locator("#turn-1-step-2 summary").first.click()
    assert reasoning.inner_text() == "late_only has to be a boolean, not a string. Once more."


def test_the_events_of_a_step_are_a_click_away(page: Page) -> None:
    button = page.locator("#turn-1-step-2 .raw")
    assert button.get_attribute("aria-expanded") == "false"
    button.click()

    assert button.get_attribute("aria-expanded") == "true"
    kinds = [each.inner_text() for each in page.locator("#turn-1-step-2 .events summary b").all()]
    assert kinds == [
        "RequestSent",
        "ReasoningDelta",
        "StepFinished",
        "AssistantMessage",
        "ToolCallStarted",
        "ToolCallFinished",
    ]
    text = page.locator("#turn-1-step-2 .events pre").nth(4).inner_text()
    assert '"type": "ToolCallStarted"' in text
    button.click()
    assert page.locator("#turn-1-step-2 .events").count() == 0


@pytest.mark.parametrize("query", ["hamburg", "$.late_only", "manager has to see", '"order": 1043'])
def test_search_counts_and_leads_to_each_match(page: Page, query: str) -> None:
    page.keyboard.press("/")
    page.keyboard.type(query)
    count = int(until(page, "document.querySelector('#found').textContent.match(/^[0-9]+$/)?.[0]"))
    assert count > 0

    seen = set()
    for number in range(1, count + 1):
        page.keyboard.press("Enter")
        assert page.inner_text("#found") == f"{number}/{count}"
        found = page.evaluate(
            """() => { const [range] = [...CSS.highlights.get("found-now")];
            const box = range.getBoundingClientRect();
            return [range.toString(), box.top, box.height,
                    range.startContainer.parentElement.closest("article").id, box.left]; }"""
        )
        assert found[0].lower() == query
        assert 80 < found[1] < 800
        assert found[2] > 0, "it is folded away"
        seen.add((*found[3:], page.evaluate("scrollY") + found[1]))
    assert len(seen) == count
    page.keyboard.press("Enter")
    assert page.inner_text("#found") == f"1/{count}"
    page.keyboard.press("Shift+Enter")
    assert page.inner_text("#found") == f"{count}/{count}"
    page.keyboard.press("Escape")
    assert page.evaluate("CSS.highlights.has('found')") is False


def test_what_is_not_there_is_not_found(page: Page) -> None:
    page.fill("#query", "zzz no such words")
    until(page, "document.querySelector('#found').textContent === '0'")
    page.keyboard.press("Enter")
    assert page.inner_text("#found") == "0"


def test_who_scrolls_moves_the_mark_along(page: Page) -> None:
    page.mouse.move(700, 400)
    page.mouse.wheel(0, 900)
    until(page, "document.querySelector('#rows [aria-current]').hash.startsWith('#turn-1-step')")


def test_the_filter_leaves_what_fits(page: Page) -> None:
    page.select_option("#filter", "problems")
    assert page.locator("#rows .row").count() == 4
    page.select_option("#filter", "tool:refund")
    until(page, "document.querySelectorAll('article').length === 1")
    assert page.locator(f"{DENIED} .call").count() == 2
    # A link to what the filter hides shows all again.
    page.evaluate("location.hash = '#turn-1-step-2'")
    until(page, "document.querySelector('article.now')?.id === 'turn-1-step-2'")
    assert page.locator("#filter").input_value() == ""


def test_a_deep_link_opens_at_its_step(rich: Path, browser: Browser) -> None:
    with looking_at(browser, rich, "#turn-2-step-2") as (page, _):
        assert current(page) == "turn-2-step-2"
        assert page.locator("#turn-2-step-2").is_visible()
    with looking_at(browser, rich, "#turn-9-step-9") as (page, _):
        assert page.locator("#turn-1").is_visible()


def test_a_link_is_copied(rich: Path, browser: Browser) -> None:
    with looking_at(browser, rich, permissions=["clipboard-read", "clipboard-write"]) as (page, _):
        page.locator("#turn-1-step-2 .anchor").click()
        assert until(page, "document.querySelector('#said').textContent") == "Link copied"
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == f"{rich.as_uri()}#turn-1-step-2"


def test_keys_do_all_of_it(page: Page) -> None:
    places = []
    for key in ("j", "j", "j", "k", "G", "g"):
        page.keyboard.press(key)
        places.append(current(page))
    assert places == [
        "turn-1",
        "turn-1-step-1",
        "turn-1-step-2",
        "turn-1-step-1",
        "turn-3-step-2",
        "session",
    ]
    for _ in range(2):
        page.keyboard.press("j")
    assert page.evaluate("document.activeElement.id") == "turn-1-step-1"
    for key, unfolded in (("o", 1), ("o", 0), ("Enter", 1)):
        page.keyboard.press(key)
        assert page.locator("#turn-1-step-1 details[open]").count() == unfolded
    page.keyboard.press("r")
    assert page.locator("#turn-1-step-1 .events").count() == 1
    page.keyboard.press("?")
    assert page.locator("#help").is_visible()
    page.keyboard.press("j")
    assert current(page) == "turn-1-step-1"
    page.keyboard.press("Escape")
    assert not page.locator("#help").is_visible()


def test_what_is_unfolded_stays_so_when_it_was_out_of_sight(big: Path, browser: Browser) -> None:
    with looking_at(browser, big, "#turn-1-step-2") as (page, _):
        page.keyboard.press("o")
        page.keyboard.press("G")
        until(page, "!document.getElementById('turn-1-step-2')")
        page.keyboard.press("g")
        until(page, "document.querySelector('#turn-1-step-2 details[open]')")


def test_it_is_light_or_dark_as_the_system_is_or_as_one_likes(rich: Path, browser: Browser) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    with looking_at(browser, rich, color_scheme="dark") as (page, _):
        dark = page.evaluate(ground)
        page.keyboard.press("t")
        light = page.evaluate(ground)
        page.reload()
        assert page.evaluate(ground) == light, "it is kept"
    with looking_at(browser, rich, color_scheme="light") as (page, _):
        assert page.evaluate(ground) == light
        page.locator("#theme").click()
        assert page.evaluate(ground) == dark


@pytest.mark.parametrize("width", [360, 800])
def test_it_fits_a_narrow_screen(rich: Path, browser: Browser, width: int) -> None:
    with looking_at(browser, rich, viewport={"width": width, "height": 740}) as (page, _):
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert not page.locator("#timeline").is_visible()
        page.locator("#timeline-toggle").click()
        assert page.locator("#timeline").is_visible()
        page.locator(f"#rows a[href='{DENIED}']").click()
        assert not page.locator("#timeline").is_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator(f"{DENIED} h3").bounding_box()["y"] < 300  # type: ignore[index]


def test_it_has_landmarks_and_names_for_who_cannot_see_it(page: Page) -> None:
    assert page.get_by_role("main", name="Conversation").count() == 1
    assert page.get_by_role("navigation", name="Timeline").count() == 1
    assert page.get_by_role("search").count() == 1
    assert page.get_by_role("article", name="Step 2 of turn 1").count() == 1
    assert page.get_by_role("button", name="Events of Step 2 as JSON").count() >= 1
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, input, select, a')].filter(each => "
        "!each.hidden && !(each.ariaLabel || each.textContent.trim())).length"
    )
    assert unnamed == 0
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_it_prints_the_conversation_alone(page: Page) -> None:
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")

    assert not page.locator("#timeline").is_visible()
    assert not page.locator("#search").is_visible()
    assert page.locator("#turn-3-step-2").is_visible()
    assert page.locator("#turn-1-step-2 .reasoning .said").is_visible()


def long_session(steps: int) -> Iterator[Event]:
    """A session of 30 KB a step."""
    words = [f"{a}{b}" for a, b in itertools.product(("ba", "ke", "mi", "no"), ("ra", "sel", "t"))]
    text = " ".join(words[at * at % len(words)] for at in range(6500))
    yield OPENED
    for number in range(steps):
        turn, step = divmod(number, 20)
        if step == 0:
            yield UserMessage(f"What of part {turn}? {text[:200]}")
        yield RequestSent(digest="0" * 64, size=1, adds=[])
        yield from (ReasoningDelta(text[at : at + 90]) for at in range(0, 900, 90))
        yield StepFinished(1.5, 0.2)
        last = step == 19
        call = ToolCall(f"c{number}", "look_up", f'{{"part": {turn}, "place": {number}}}')
        usage = Usage(1000, 300, 900, 200)
        calls, how = ((), "stop") if last else ((call,), "tool_calls")
        yield AssistantMessage(text[:500] if last else None, text[:900], calls, how, usage)
        if last:
            yield TurnFinished("finished")
            continue
        yield ToolCallStarted(call.id, "look_up", {"part": turn, "place": number})
        yield ToolCallFinished(call.id, "look_up", ToolResult(f"{text} needle{number}.", "ok", 0.4))


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a trace of 50 MB."""
    folder = tmp_path_factory.mktemp("big")
    aside(written, folder / "big.jsonl", long_session(1700))
    assert (folder / "big.jsonl").stat().st_size > 50_000_000
    return write_file(folder / "big.jsonl", folder / "big.html")


@pytest.mark.timeout(300)
def test_50_megabytes_open_at_once_and_scroll(big: Path, browser: Browser) -> None:
    with looking_at(browser, big) as (page, _):
        opened = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd") / 1000
        until(page, "document.querySelector('article .said')")
        print(f"\n{big.stat().st_size / 1e6:.0f} MB opened in {opened:.2f} s")
        assert opened < 10  # 2 s on a quiet machine
        height = page.evaluate("document.documentElement.scrollHeight")
        for part in (0.2, 0.7, 0.4, 1):
            page.evaluate(f"scrollTo(0, {part} * {height})")
            until(page, "document.elementFromPoint(640, 400).closest('article')")
            assert page.evaluate("document.querySelectorAll('article').length") < 60
            assert page.evaluate("document.querySelectorAll('.row').length") < 60
        page.evaluate("location.hash = '#turn-40-step-7'")
        until(page, "document.querySelector('article.now')?.id === 'turn-40-step-7'")
        assert (
            0
            < page.evaluate("document.querySelector('#turn-40-step-7').getBoundingClientRect().top")
            < 400
        )
        began = time.monotonic()
        page.fill("#query", "needle1234.")
        until(page, "document.querySelector('#found').textContent === '1'")
        print(f"searched in {time.monotonic() - began:.2f} s")
        page.keyboard.press("Enter")
        assert current(page) == "turn-62-step-15"


def test_traces_of_every_kind_open(tmp_path: Path, browser: Browser) -> None:
    index, wrong = write_folder(TRACES, tmp_path / "out")
    pages = sorted(index.parent.glob("*.jsonl.html"))
    assert (len(pages), wrong) == (len([*TRACES.glob("*.jsonl")]), [])

    with closing(browser.new_context()) as own:
        page = own.new_page()
        seen = Seen(page)
        for each in pages[::3]:  # all of them take half a minute
            page.goto(each.as_uri())
            page.wait_for_selector("article .t", state="attached")
            page.keyboard.press("j")
            for key in ("o", "r"):
                page.keyboard.press(key)
        assert seen.trouble == []


def test_a_folder_is_served(tmp_path: Path, browser: Browser) -> None:
    for name, words in (("a.jsonl", "First <b>words</b>"), ("sub/b #1?.jsonl", "Second words")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        aside(written, tmp_path / name, [OPENED, UserMessage(words), TurnFinished("finished")])
    command = [sys.executable, "-m", "toolrun", "trace", "view", str(tmp_path), "--serve"]
    env = {key: value for key, value in os.environ.items() if "DISPLAY" not in key}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as served:
        try:
            assert served.stdout is not None
            url = served.stdout.readline().strip()
            own = browser.new_context()
            page = own.new_page()
            seen = Seen(page)
            page.goto(url)
            assert page.locator("tbody tr").count() == 2
            page.get_by_text("First <b>words</b>").click()
            assert page.locator("#turn-1 .said").inner_text() == "First <b>words</b>"
            page.locator("#home").click()
            page.get_by_text("Second words").click()
            assert page.locator("#turn-1 .said").inner_text() == "Second words"
            page.locator("#home").click()
            assert page.locator("tbody tr").count() == 2
            assert seen.trouble == []
            assert all(each.startswith(url) for each in seen.requests)
            own.close()
        finally:
            served.terminate()
