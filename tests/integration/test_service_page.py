"""Does the chat page of docs/examples/service work? In a real Chromium, with a real worker."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.serviced import KEYS, Worker
from tests.rig import leaks
from tests.rig.chromium import CANARY, Seen
from tests.rig.mock import Call, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tests.rig.mock import MockServer

pytestmark = [pytest.mark.load, pytest.mark.timeout(240)]
WORDS = " ".join(f"word{number}" for number in range(100))
HOSTILE = f"<img src=x onerror=window.{CANARY}=1><script>window.{CANARY}=1</script>[[&lt;b&gt;]]"
SHOTS = os.environ.get("TOOLRUN_SHOTS")
"""A folder for pictures of the page, for whoever changes how it looks."""


@pytest.fixture(scope="module")
def worker(mock_server: MockServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    folder = tmp_path_factory.mktemp("service")
    with Worker(folder, f"sqlite:///{folder}/agents.db", mock_server.url) as worker:
        leaks.KNOWN.add(worker.process.pid, worker.fds)
        yield worker.ready()


@pytest.fixture
def page(worker: Worker, browser: Browser) -> Iterator[Page]:
    """The page, entered with a key; at the end nothing foreign was asked for, and nothing said."""
    own = browser.new_context(viewport={"width": 1280, "height": 800})
    page = own.new_page()
    page.set_default_timeout(60_000)
    seen = Seen(page)
    page.goto(worker.url)
    page.fill("#key", KEYS["acme"])
    page.click("#enter button")
    page.wait_for_selector("#door", state="hidden")
    yield page
    assert seen.trouble == []
    assert all(url.startswith((worker.url, "data:")) for url in seen.requests)
    assert page.evaluate(f"window.{CANARY}") is None
    own.close()


def say(page: Page, text: str) -> None:
    page.fill("#text", text)
    page.keyboard.press("Enter")


def until(page: Page, true: str) -> Any:
    """Wait for an expression to be true; the page's policy forbids playwright to wait in it."""
    end = time.monotonic() + 60
    while not (value := page.evaluate(true)):
        assert time.monotonic() < end, f"never true: {true}\n{page.inner_text('#log')}"
        page.wait_for_timeout(20)
    return value


def ended(page: Page) -> None:
    until(page, "session !== null && !session.running && session.last && !document.hidden")
    page.wait_for_selector("#send", state="visible")


def shoot(page: Page, name: str) -> None:
    if SHOTS:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=str(Path(SHOTS) / f"{name}-{scheme}.png"))


def refund(mock: MockServer) -> str:
    return mock.script(
        Step(
            "The customer wants money back. A colleague has to agree, so I call refund.",
            "I will ask a colleague.",
            (Call("refund", '{"order":"7","amount":40}'),),
        ),
        Step("It is paid.", "Done: you have your 40 EUR back.\n\nAnything else?"),
        name="refund",
    )


def test_a_whole_conversation_with_an_approval(page: Page, mock: MockServer) -> None:
    say(page, f"My lamp came broken, order 7. I want my money back. {refund(mock)}")
    page.wait_for_selector(".approval")
    shoot(page, "approval-1280")
    page.set_viewport_size({"width": 380, "height": 720})
    shoot(page, "approval-380")
    page.set_viewport_size({"width": 1280, "height": 800})
    assert page.inner_text(".preamble") == "I will ask a colleague."
    page.fill(".approval textarea", '{"order": "7", "amount": 30}')
    page.click(".approval button.main")
    page.wait_for_selector(".answer")
    ended(page)

    assert page.locator(".approval").count() == 0
    assert page.inner_text(".answer").startswith("Done: you have your 40 EUR back.")
    page.click("details.call summary")
    assert "paid 30.00 back for order 7" in page.inner_text("details.call .output")
    assert page.locator("details.reasoning").count() == 2
    say(page, "How warm is it in Paris? [[script:tool]]")
    page.wait_for_selector("text=It is 20 degrees in Paris.")
    ended(page)
    shoot(page, "done-1280")
    page.set_viewport_size({"width": 380, "height": 720})
    shoot(page, "done-380")
    page.click("#menu")
    shoot(page, "list-380")
    assert page.locator("#sessions [aria-current=true]").inner_text().startswith("My lamp")
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 380


def test_a_reload_in_mid_sentence_goes_on_where_it_was(page: Page, mock: MockServer) -> None:
    marker = mock.script(
        Step("I think slowly.", WORDS, chunk_delay_s=0.02, chunks_per_write=1), name="slow"
    )
    say(page, f"Tell me all. {marker}")
    until(page, "(document.querySelector('.answer')?.textContent ?? '').length > 40")
    page.reload()
    until(page, "(document.querySelector('.answer')?.textContent ?? '').length > 60")
    assert WORDS.startswith(page.evaluate("document.querySelector('.answer').textContent"))
    ended(page)

    assert page.locator(".answer").count() == 1
    assert page.evaluate("document.querySelector('.answer').textContent") == WORDS
    assert page.locator(".user").count() == 1
    assert page.evaluate("document.querySelector('.reasoning p').textContent") == "I think slowly."


def test_a_connection_that_breaks_is_made_again(page: Page, mock: MockServer) -> None:
    marker = mock.script(
        Step("I think slowly.", WORDS, chunk_delay_s=0.02, chunks_per_write=1), name="slow"
    )
    say(page, f"Tell me all. {marker}")
    for length in (40, 120, 200):
        until(page, f"(document.querySelector('.answer')?.textContent ?? '').length > {length}")
        page.evaluate("window.dispatchEvent(new Event('online'))")
    ended(page)

    assert page.locator(".answer").count() == 1
    assert page.evaluate("document.querySelector('.answer').textContent") == WORDS


def test_stop(page: Page, mock: MockServer) -> None:
    marker = mock.script(
        Step("I think slowly.", WORDS, chunk_delay_s=0.2, chunks_per_write=1), name="slow"
    )
    say(page, f"Tell me all. {marker}")
    page.wait_for_selector(".answer")
    shoot(page, "running-1280")
    page.click("#cancel")
    ended(page)

    assert page.inner_text(".end") == "stopped"


def test_hostile_text_is_shown_and_not_run(page: Page, mock: MockServer) -> None:
    marker = mock.script(
        Step(
            HOSTILE,
            HOSTILE,
            (Call("refund", f'{{"order":"{HOSTILE}","amount":1}}'),),
        ),
        Step(HOSTILE, HOSTILE),
        name="hostile",
    )
    say(page, f"{HOSTILE} {marker}")
    page.wait_for_selector(".approval")
    assert page.inner_text(".user") == f"{HOSTILE} {marker}"
    assert page.inner_text(".preamble") == HOSTILE
    page.fill(".approval input", HOSTILE)
    page.click(".approval button:has-text('Deny')")
    page.wait_for_selector(".answer")
    ended(page)

    assert page.inner_text(".answer") == HOSTILE
    assert page.locator("#log img, #log script, nav img").count() == 0
    page.wait_for_selector(f"nav li button:has-text({HOSTILE[:20]!r})")


def test_a_wrong_key_is_refused(worker: Worker, browser: Browser) -> None:
    own = browser.new_context(viewport={"width": 380, "height": 720})
    page = own.new_page()
    page.goto(worker.url)
    shoot(page, "door-380")
    page.fill("#key", "wrong")
    page.click("#enter button")
    page.wait_for_selector("text=That key is not known here.")
    own.close()
