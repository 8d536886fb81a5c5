"""Does toolrun do what docs/reference/faults.md says of each fault, on each server, in each way?

The page is the expectation; `tests/rig/fault_page.py` says how it is written anew.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, get_args

import anyio
import pytest

from tests.rig import fault_page
from tests.rig.fault_cases import ANSWER, CASES, Case, question
from tests.rig.fault_page import CONTRACTS, NOTHING, Key, Way
from tests.rig.heard import Listener
from tests.rig.mock import Step
from tests.rig.versions import LATEST, RELEASES
from toolrun import (
    Answer,
    LimitReached,
    Repaired,
    Retried,
    Retries,
    Runtime,
    Sampling,
    ServerError,
    Session,
    Timeouts,
    ToolCallFinished,
    Warned,
    tool,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.rig.mock import MockServer
    from tests.rig.server import VllmServer
    from toolrun import Event

SOON = Retries(first_wait=0.001)
AT_ONCE = 6
"""Turns that a real server is given at a time."""

# httpx leaves its own generators half read where a body cannot be decompressed.
pytestmark = pytest.mark.filterwarnings("ignore:.*PoolByteStream")


@pytest.fixture(scope="module", params=["asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """One is enough: test_faults runs the same faults on both."""
    return str(request.param)


@tool(trusted=True)
async def get_weather(city: str) -> str:
    """Say how warm it is."""
    return f"20 degrees in {city}"


@pytest.fixture(scope="module", autouse=True)
def found() -> Iterator[dict[Key, str]]:
    """The cells that were found; the page is written at the end, where that is asked for."""
    cells: dict[Key, str] = {}
    yield cells
    if fault_page.WRITES:
        fault_page.write(cells)


def compare(found: dict[Key, str], cells: dict[Key, str]) -> None:
    found |= cells
    if not fault_page.WRITES:
        said = fault_page.read()
        assert cells == {key: said.get(key) for key in cells}


def options(case: Case, server: MockServer | VllmServer) -> dict[str, Any]:
    """What a session needs for a case, or all sessions of a runtime."""
    waits = Timeouts() if case.silence is None else Timeouts(30.0, *[case.silence] * 3)
    return {
        "model": server.model,
        "base_url": server.url,
        "tools": [get_weather],
        "retries": SOON,
        "timeouts": waits,
        "sampling": Sampling(max_tokens=case.max_tokens),
    }


async def outcome(session: Session, case: Case, way: Way, text: str) -> str:
    """What toolrun did about a fault, in words."""
    heard = Listener()
    session._journal.add(heard)
    end = ""
    try:
        answer = await ask(session, text, streamed=way == "streamed")
    except ServerError as error:
        last = next((each.code for each in reversed(heard.retried)), "")
        code = f" ({error.code})" if error.code != last else ""
        end = f"ends in `{type(error).__name__}`{code}"
    else:
        if answer.status != "finished":
            (limit,) = (each.limit for each in heard.events if isinstance(each, LimitReached))
            end = f"{answer.status} ({limit})"
        else:
            assert answer.text == ANSWER, f"{case.name}: {answer.text!r} for an answer"
    done = [*summary(heard.events, everything=case.name == "nothing is wrong")]
    return ", ".join([*done, *([end] if end else [])]) or "answered"


async def ask(session: Session, text: str, *, streamed: bool, output: Any = None) -> Answer:
    if not streamed:
        return await session.ask(text, output=output)
    async with session.stream(text, output=output) as events:
        async for _ in events:
            pass
    assert events.answer is not None
    return events.answer


def summary(events: list[Event], *, everything: bool) -> Iterator[str]:
    """What was done, in its order; what was done several times in a row is told once."""
    told = (each for event in events if (each := _told(event, everything=everything)))
    for what, again in groupby(told):
        times = len([*again])
        yield what if times == 1 else f"{times} times {what}"


def _told(event: Event, *, everything: bool) -> str:
    match event:
        case Retried(unstreamed=True):
            return f"sampled again, unstreamed ({event.code})"
        case Retried():
            return f"sampled again ({event.code})"
        case Repaired():
            return f"mended the {event.what}"
        case ToolCallFinished() if event.result.outcome == "invalid":
            return "told the model"
        # That warning is of the server, at the beginning of every session.
        case Warned() if everything or event.code != "reasoning-not-returned":
            return f"warned ({event.code})"
    return ""


async def goes_on(session: Session) -> None:
    """A session whose turn failed is sampled again, and answers."""
    answer = await session.go_on()
    assert (answer.status, answer.text) == ("finished", ANSWER)


@pytest.mark.parametrize("way", get_args(Way))
async def test_each_version_of_the_contract(
    mock: MockServer, found: dict[Key, str], way: Way
) -> None:
    cells: dict[Key, str] = {}
    for column, version in CONTRACTS.items():
        shared = [case for case in CASES.values() if case.steps and not alone(case)]
        apart = [[case] for case in CASES.values() if case.steps and alone(case)]
        for cases in (shared, *apart):
            mock.settings(**{"version": version, "tool_parser": True, **cases[0].settings})
            async with (
                Runtime(**options(cases[0], mock)) as runtime,
                anyio.create_task_group() as group,
            ):
                for case in cases:
                    group.start_soon(keep, cells, (way, case.name, column), runtime, mock)
    compare(found, cells)


def alone(case: Case) -> bool:
    """Whether a case is of another kind of server or runtime than the others."""
    return bool(case.settings) or case.silence is not None


async def keep(cells: dict[Key, str], key: Key, runtime: Runtime, mock: MockServer) -> None:
    way, fault, _ = key
    case = CASES[fault]
    assert case.steps is not None
    name = f"case-{[*CASES].index(fault)}"
    marker = mock.script(*case.steps, name=name)
    async with runtime.session(sampling=Sampling(max_tokens=case.max_tokens)) as session:
        cells[key] = await outcome(session, case, way, f"{question()} {marker}")
        if "ends in" in cells[key]:
            mock.script(Step("It is well again.", ANSWER), name=name)
            await goes_on(session)


@pytest.mark.parametrize("way", get_args(Way))
async def test_each_real_server(vllm: VllmServer, found: dict[Key, str], way: Way) -> None:
    cells: dict[Key, str] = {}
    places = anyio.Semaphore(AT_ONCE)

    async def one(case: Case) -> None:
        # With connections of its own: 0.28.0 closes the one that it answered 500 on, and another
        # session's request may be on it.
        async with places, Session(**options(case, vllm), extra_body=case.xargs()) as session:
            cell = await outcome(session, case, way, question())
            if "ends in" in cell:
                await goes_on(session)
            cells[way, case.name, vllm.version] = cell

    async with anyio.create_task_group() as group:
        for case in CASES.values():
            if case.texts is not None and not alone(case):
                group.start_soon(one, case)
    compare(found, cells)


@pytest.mark.skipif(fault_page.WRITES, reason="the page is being written")
def test_the_page_has_a_cell_for_each_fault_on_each_server() -> None:
    said = fault_page.read()
    wanted: dict[str, tuple[str, ...]] = {}
    for name, case in CASES.items():
        real = () if case.texts is None else (LATEST,) if alone(case) else tuple(RELEASES)
        wanted[name] = (*real, *(CONTRACTS if case.steps is not None else ()))

    for way in get_args(Way):
        for name, columns in wanted.items():
            filled = {column for column in fault_page.COLUMNS if said[way, name, column] != NOTHING}
            assert filled == set(columns), (way, name)
    assert {name for _, name, _ in said} == set(CASES)


def test_cells_stay_where_only_others_are_found(tmp_path: Any) -> None:
    page = tmp_path / "faults.md"
    page.write_text("# Words\n\nMore words.\n\n", encoding="utf-8")
    one: Key = ("whole", "HTTP 400", "0.33")
    other: Key = ("streamed", "nothing is wrong", "0.28.0")

    fault_page.write({one: "ends"}, page)
    fault_page.write({other: "answered"}, page)

    said = fault_page.read(page)
    assert (said[one], said[other]) == ("ends", "answered")
    assert {cell for key, cell in said.items() if key not in (one, other)} == {NOTHING}
    assert page.read_text(encoding="utf-8").startswith("# Words\n\nMore words.\n\n<!--")
