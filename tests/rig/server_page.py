"""What does `docs/reference/servers.md` say that servers keep, and how is it written anew?

The page's table has a row for each server and a cell for each thing that a session needs. The tests
compute the cells from what the doctor finds; with `TOOLRUN_WRITE_SERVERS=1` they write what they
found instead of comparing:

    TOOLRUN_WRITE_SERVERS=1 python -m pytest tests/integration/test_server_table.py

With `-m 'not vllm'` the rows of servers that run stay as they are.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from tests.rig.versions import RELEASES, REPOSITORY
from toolrun.models.dialects import named

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from toolrun.models.doctor import Report

PAGE: Final = REPOSITORY / "docs/reference/servers.md"
WRITES: Final = os.environ.get("TOOLRUN_WRITE_SERVERS") == "1"
CONTRACTS: Final[Mapping[str, str]] = {
    "vLLM 0.10.1": "0.10.1",
    "vLLM 0.10.2": "0.10.2",
    "vLLM 0.11.0": "0.11.0",
    "vLLM 0.11.1": "0.11.1",
    "vLLM 0.12": "0.12.0",
    "vLLM 0.13 to 0.15": "0.14.0",
    "vLLM 0.16 to 0.21": "0.18.0",
    "vLLM 0.22 to 0.27": "0.25.0",
    "vLLM 0.33": "0.33.0",
}
"""The rows of vLLMs that do not run here, and the version that stands for each."""
OTHERS: Final[Mapping[str, str]] = {
    "Ollama": "ollama",
    "LM Studio": "lm-studio",
    "llama.cpp": "llama.cpp",
    "LiteLLM, up to 1.99": "litellm",
}
"""The rows of other servers, and the folder of the shapes of each."""
REAL: Final[Mapping[str, str]] = {f"**vLLM {version}**": version for version in RELEASES}
PROXY: Final = "**LiteLLM 1.108.7** before vLLM 0.32.0"
"""The row of the proxy that runs in the tests, by its pin in `clients.txt`."""
ROWS: Final = (*list(CONTRACTS)[:-1], *REAL, *list(CONTRACTS)[-1:], *OTHERS, PROXY)
COLUMNS: Final = (
    "reasoning told in",
    "taken back: chat",
    "taken back: Responses",
    "token by token",
    "calls",
    "streams",
    "a bad call",
    '`via="auto"`',
)
UNKNOWN: Final = "not known"
_MARK: Final = "<!-- The table is written by tests: see tests/rig/server_page.py -->\n"
_FIELD: Final = re.compile(r"`(\w+)`")
_BAD_JSON: Final = {"told": "told", "500": "500, sampled again", "lost": "lost, sampled again"}
_CHANNELS: Final = {"no channel": "yes, outside its channel", "dropped": "no", "analysis": "yes"}


def cells(report: Report, *, ran: bool) -> tuple[str, ...]:
    """The cells of a row: what was found, and what a contract leaves open."""
    dialect = named(report.server)
    told = report.check("reasoning returned")
    fields = _FIELD.findall(told.saw) if told is not None else []
    chat, responses = _good(report, "reasoning taken back"), dialect.responses_reasoning
    over_responses = _good(report, "Responses: reasoning taken back")
    return (
        ", ".join(f"`{field}`" for field in fields) or "no",
        _said(chat) if ran or dialect.takes_reasoning is not None else UNKNOWN,
        _said(over_responses) if ran else _CHANNELS.get(responses or "", UNKNOWN),
        _said(_good(report, "tokens in and out")) if ran or dialect.tokens is not None else UNKNOWN,
        _said(_good(report, "tool calling")),
        _said(_good(report, "streaming")),
        _BAD_JSON.get(dialect.bad_json or "", UNKNOWN),
        report.via,
    )


def _good(report: Report, name: str) -> bool:
    check = report.check(name)
    return check is not None and check.verdict == "green"


def _said(yes: bool) -> str:  # noqa: FBT001 - one question
    return "yes" if yes else "no"


def read(page: Path = PAGE) -> dict[str, tuple[str, ...]]:
    """The rows of the page."""
    lines = page.read_text(encoding="utf-8").partition(_MARK)[2].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {first: tuple(rest) for first, *rest in rows if first in ROWS}


def write(found: Mapping[str, tuple[str, ...]], page: Path = PAGE) -> None:
    """Write rows into the page; those that are not given stay."""
    rows = read(page) | dict(found)
    head = page.read_text(encoding="utf-8").partition(_MARK)[0]
    page.write_text(f"{head}{_MARK}\n" + "\n".join(_table(rows)) + "\n", encoding="utf-8")


def _table(rows: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    yield f"| server | {' | '.join(COLUMNS)} |"
    yield "|---" * (len(COLUMNS) + 1) + "|"
    for name in ROWS:
        yield f"| {name} | {' | '.join(rows.get(name, ('-',) * len(COLUMNS)))} |"
