"""How does a test look at a page in a real browser? Debian's Chromium, driven by playwright.

Where there is no Chromium the tests are skipped; with `TOOLRUN_NEED_CHROMIUM` set (CI), they fail.
"""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pytest

from tests.rig import leaks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

T = TypeVar("T")
_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
CANARY: Final = "pwned"
"""The name that hostile texts set on `window` if they can."""


def executable() -> str | None:
    """The browser of this machine."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


@contextmanager
def started() -> Iterator[Browser]:
    """A Chromium; its processes end with the block."""
    found = executable()
    if found is None:
        why = "no Chromium is installed; on Debian: apt-get install chromium"
        if os.environ.get("TOOLRUN_NEED_CHROMIUM"):
            pytest.fail(why)
        pytest.skip(why)
    from playwright.sync_api import sync_playwright

    before = leaks.snapshot()
    with sync_playwright() as playwright:
        # The sandbox of Chromium does not start for root.
        flags = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=found, args=flags)
        for pid in leaks.snapshot().processes.keys() - before.processes.keys():
            leaks.KNOWN.add(pid)
        yield browser
        browser.close()


def aside(function: Callable[..., T], *args: Any) -> T:
    """Call a function that runs an event loop: playwright's runs in the thread of the tests."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(function, *args).result()


class Seen:
    """What a page did beside being shown.

    Attributes:
        requests: the addresses that it asked for, the page itself among them.
        console: warnings and errors, those of its content security policy among them.
        dialogs: what it said in boxes.
        errors: exceptions that nothing caught.
    """

    def __init__(self, page: Page) -> None:
        self.requests: list[str] = []
        self.console: list[str] = []
        self.dialogs: list[str] = []
        self.errors: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._say)
        page.on("dialog", self._box)

    def _say(self, message: Any) -> None:
        if message.type in {"warning", "error"}:
            self.console.append(message.text)

    def _box(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    @property
    def trouble(self) -> list[str]:
        """All of it, but the requests."""
        return [*self.console, *self.dialogs, *self.errors]


@contextmanager
def looking_at(
    browser: Browser, file: Path, place: str = "", **context: Any
) -> Iterator[tuple[Page, Seen]]:
    """A page of a file; at the end it must have asked for nothing else, and said nothing."""
    own = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **context})
    try:
        page = own.new_page()
        seen = Seen(page)
        page.goto(file.as_uri() + place)
        page.wait_for_selector("article, tbody")
        yield page, seen
        assert seen.trouble == []
        assert {url.partition("#")[0] for url in seen.requests} == {file.as_uri()}
        assert page.evaluate(f"window.{CANARY}") is None
    finally:
        own.close()
