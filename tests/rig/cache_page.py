"""What do the tables of `docs/explanation/token-exact.md` hold, and how are they written anew?

A row for each step of one conversation, over Chat Completions and sampled directly: how long the
prompt was, and how much of it the server's prefix cache had. The test computes the rows; with
`TOOLRUN_WRITE_CACHE=1` it writes what it found instead of comparing:

    TOOLRUN_WRITE_CACHE=1 python -m pytest tests/integration/test_prefix_cache.py
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.rig.versions import RELEASES, REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

PAGE: Final = REPOSITORY / "docs/explanation/token-exact.md"
WRITES: Final = bool(os.environ.get("TOOLRUN_WRITE_CACHE"))
_BEGIN: Final = "<!-- The tables are written by tests: see tests/rig/cache_page.py -->\n"
_END: Final = "<!-- Here they end. -->\n"


class Step(NamedTuple):
    """A step of the conversation, over Chat Completions and sampled directly, in tokens.

    `chat` and `direct` are the lengths of its prompts, the others how much of each was cached.
    """

    turn: int
    step: int
    chat: int
    chat_cached: int
    direct: int
    direct_cached: int


def read(page: Path = PAGE) -> dict[str, list[Step]]:
    """The rows of the page, by vLLM version."""
    found: dict[str, list[Step]] = {}
    for line in page.read_text(encoding="utf-8").partition(_BEGIN)[2].splitlines():
        if line.startswith("### vLLM "):
            rows = found.setdefault(line.removeprefix("### vLLM "), [])
        elif line.startswith("| ") and line[2].isdigit():
            turn, *numbers = (cell.strip().replace(",", "") for cell in line.strip("|").split("|"))
            rows.append(Step(*map(int, (*turn.split("."), *numbers))))
    return found


def write(found: Mapping[str, Sequence[Step]], page: Path = PAGE) -> None:
    """Write the rows of versions into the page; those of the others stay."""
    rows = read(page) | dict(found)
    text = page.read_text(encoding="utf-8")
    head, tail = text.partition(_BEGIN)[0], text.partition(_END)[2]
    page.write_text(
        f"{head}{_BEGIN}\n" + "\n".join(_tables(rows)) + f"\n{_END}{tail}", encoding="utf-8"
    )


def _tables(found: Mapping[str, Sequence[Step]]) -> Iterator[str]:
    for version in RELEASES:
        if not (rows := found.get(version)):
            continue
        yield f"### vLLM {version}\n"
        yield "| turn.step | Chat: prompt | of it cached | direct: prompt | of it cached |"
        yield "|---|---:|---:|---:|---:|"
        for row in rows:
            yield f"| {row.turn}.{row.step} | {' | '.join(f'{each:,}' for each in row[2:])} |"
        chat, chat_cached, direct, direct_cached = (
            sum(column) for column in list(zip(*rows, strict=True))[2:]
        )
        yield (
            f"| **all** | {chat:,} | **{chat_cached / chat:.0%}** | {direct:,} "
            f"| **{direct_cached / direct:.0%}** |"
        )
        yield ""
