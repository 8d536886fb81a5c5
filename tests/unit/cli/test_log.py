"""Is a log JSON for machines and readable for people, and is no secret in it?"""

from __future__ import annotations

import io
import json
import logging
from typing import TYPE_CHECKING

import pytest
import structlog

from tests.unit.cli.test_screen import Terminal, obeyed
from toolrun.cli.log import Mask, set_up

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "sk-0123456789abcdef"


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root, own = logging.getLogger(), logging.getLogger("toolrun")
    before = (root.handlers[:], root.level, own.level)
    yield
    root.handlers[:], root.level = before[0], before[1]
    own.setLevel(before[2])
    structlog.reset_defaults()


@pytest.mark.parametrize("file", [io.StringIO(), Terminal()], ids=["pipe", "terminal"])
def test_no_secret_is_in_a_log(file: io.StringIO) -> None:
    set_up("debug", Mask([KEY]), file)
    log = structlog.get_logger("toolrun")
    log.info("sent", api_key="other-key", headers={"Authorization": "Bearer abc", "X-Api-Key": 5})
    log.info("the key is %s", KEY, url=f"http://me:pass@host/?key={KEY}", deep=[{"a": (KEY,)}])
    log.warning("header", line="authorization: Bearer eyJhbGciOi.J9", thing=ValueError(KEY))
    logging.getLogger("another.library").error("it said %s", KEY)
    try:
        {"a": 1}[KEY]
    except KeyError:
        log.exception("failed")
    text = file.getvalue()
    for secret in (KEY, "other-key", "Bearer abc", "me:pass", "eyJhbGciOi"):
        assert secret not in text
    assert text.count("***") >= 9
    assert "KeyError" in text
    assert "it said ***" in text


def test_a_pipe_gets_json_lines() -> None:
    file = io.StringIO()
    set_up("info", Mask(), file)
    structlog.get_logger("toolrun").info("turn", status="finished", evil="\x1b[2J\x9b")
    structlog.get_logger("toolrun").debug("not this")
    (line,) = file.getvalue().splitlines()
    entry = json.loads(line)
    assert (entry["event"], entry["status"], entry["level"]) == ("turn", "finished", "info")
    assert obeyed(line) == []


def test_a_terminal_gets_keys_and_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    file = Terminal()
    set_up("info", Mask(), file)
    structlog.get_logger("toolrun").info("turn", status="finished", evil="\x1b[2J")
    line = file.getvalue().rstrip("\n")
    assert "event='turn'" in line
    assert "status='finished'" in line
    assert obeyed(line) == []


def test_the_level_is_toolruns_own_and_others_only_warn() -> None:
    file = io.StringIO()
    set_up("debug", Mask(), file)
    logging.getLogger("httpx").info("chatter")
    logging.getLogger("toolrun.tools").debug("wanted")
    assert "chatter" not in file.getvalue()
    assert "wanted" in file.getvalue()


def test_what_is_public_or_too_short_is_not_masked() -> None:
    mask = Mask(["EMPTY", "abc", None, ""])
    assert mask.text("EMPTY abc") == "EMPTY abc"
    assert mask.value({"max_tokens": 5, "token": "x", "status": True}) == {
        "max_tokens": 5,
        "token": "***",
        "status": True,
    }


def test_the_longer_of_two_secrets_goes_first() -> None:
    assert Mask(["secret", "secret-longer"]).text("secret-longer") == "***"


def test_a_terminal_gets_a_traceback_as_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    file = Terminal()
    set_up("info", Mask([KEY]), file)
    trace = f"Traceback:\n  File x\nValueError: \x1b[2J {KEY}\n"
    structlog.get_logger("toolrun").warning("tool raised", tool="boom", traceback=trace)
    first, *rest = file.getvalue().splitlines()
    assert "event='tool raised'" in first
    assert "traceback" not in first
    assert rest == ["    Traceback:", "      File x", "    ValueError: \u241b[2J ***"]
