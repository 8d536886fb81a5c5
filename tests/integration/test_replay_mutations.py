"""Does a strict replay catch whatever else toolrun, or the program around it, comes to do?

docs/reference/replay-mutations.md says what it says of each; `TOOLRUN_WRITE_MUTATIONS=1` writes the
page instead of comparing:

    TOOLRUN_WRITE_MUTATIONS=1 python -m pytest tests/integration/test_replay_mutations.py
"""

from __future__ import annotations

import contextlib
import os
import re
from functools import partialmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio
import pytest
from structlog.testing import capture_logs

from tests.integration import recorded
from tests.integration.mutations import MUTATIONS, Mutation
from tests.integration.regressions import Took
from toolrun import ReplayMismatch, Runtime
from toolrun.testing.stage import Stage
from toolrun.trace import cursor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.rig.mock import MockServer
    from toolrun.parts import Parts
    from toolrun.testing.part import Source

PAGE: Final = Path(__file__).parents[2] / "docs/reference/replay-mutations.md"
WRITES: Final = os.environ.get("TOOLRUN_WRITE_MUTATIONS") == "1"
MARK: Final = "<!-- The table is written by tests/integration/test_replay_mutations.py -->\n"


@pytest.fixture(scope="module", params=["asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """One is enough: what differs does not depend on the loop."""
    return str(request.param)


@pytest.fixture(scope="module")
def trace(mock_server: MockServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mutations") / "trace.jsonl"
    mock_server.reset()
    anyio.run(recorded.record, mock_server, path)
    return path


@pytest.fixture(scope="module")
def rows() -> Iterator[dict[str, str]]:
    """What is found of each mutation; the page is written at the end, where that is asked for."""
    found: dict[str, str] = {}
    yield found
    if WRITES and len(found) == len(MUTATIONS):
        head = PAGE.read_text(encoding="utf-8").partition(MARK)[0]
        lines = [found[each.name] for each in MUTATIONS]
        table = ["| what changed | in | what the replay says |", "|---|---|---|", *lines]
        PAGE.write_text(head + MARK + "\n" + "\n".join(table) + "\n", encoding="utf-8")


def _assembled(runtime: Runtime, stage: Stage, session: str | None, options: Any) -> Parts:
    return stage.assemble(runtime, session, options)


async def replayed(
    path: Path, patch: pytest.MonkeyPatch, results: Source = "trace", **changes: Any
) -> Stage:
    """Drive the session once more, with the trace as its outside, whatever it comes to."""
    stage = Stage(path, tools=results)
    patch.setattr(Runtime, "assemble", partialmethod(_assembled, stage))
    with contextlib.suppress(Exception), anyio.fail_after(20), capture_logs():
        async with recorded.session(**changes) as session:
            await recorded.talk(session)
    return stage


@pytest.mark.parametrize("tools", ["trace", "live"])
async def test_unchanged_it_happens_again(
    trace: Path, tools: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = await replayed(trace, monkeypatch, tools)

    stage.finish()
    assert stage.used == stage.steps == 10


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda each: each.name)
async def test_a_change_is_caught_and_named(
    mutation: Mutation, trace: Path, rows: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cursor, "STALL_S", 0.2)
    took = Took()
    changes = mutation.mutate(monkeypatch, took)

    stage = await replayed(trace, monkeypatch, mutation.tools, **changes or {})

    with pytest.raises(ReplayMismatch) as caught:
        stage.finish()
    assert took.times > 0
    said = str(caught.value)
    assert re.search(mutation.says, said), said
    assert (caught.value.request, caught.value.field) == (mutation.request, mutation.field), said
    rows[mutation.name] = _row(mutation, said)
    if not WRITES:
        assert rows[mutation.name] in PAGE.read_text(encoding="utf-8")


def _row(mutation: Mutation, said: str) -> str:
    where = "toolrun" if mutation.where == "toolrun" else "your code"
    # How many lines a stream takes depends on its pace.
    first = re.sub(r"^line \d+ \(([^)]*)\)", r"\1", said.splitlines()[0])
    first = re.sub(r"\b\d{10}\.\d+\b", "…", first).replace("|", "\\|")
    return f"| {mutation.name} | {where} | {first} |"


def test_the_list_is_long_enough() -> None:
    assert len(MUTATIONS) >= 25
    assert len({each.name for each in MUTATIONS}) == len(MUTATIONS)
