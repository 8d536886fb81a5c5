"""Does any session, however it went, happen again from its trace, whoever drives it?"""

from __future__ import annotations

import functools
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import anyio
import msgspec
import pytest
from hypothesis import given, settings
from structlog.testing import capture_logs

from tests.unit.trace.any_session import ANY_SESSION, KEY, SECRET
from toolrun import Runtime
from toolrun.events import AnyEvent
from toolrun.testing import replay_trace
from toolrun.testing.stage import Stage
from toolrun.trace.reader import read_trace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.unit.trace.any_session import AnySession
    from toolrun.events import Event
    from toolrun.options import Options
    from toolrun.parts import Parts

BACKENDS = ["asyncio", "trio"]


def ran(backend: str, function: Callable[..., Awaitable[Any]], *args: Any) -> Any:
    """Run something that must come to an end soon."""

    async def bounded() -> Any:
        with anyio.fail_after(10):
            return await function(*args)

    with capture_logs():
        return anyio.run(bounded, backend=backend)


def as_read(events: list[Event]) -> list[bytes]:
    """Of each as it is once read: a limit of 3 steps is one of 3.0 then."""
    encoded = msgspec.json.encode(events)
    return [msgspec.json.encode(each) for each in msgspec.json.decode(encoded, type=list[AnyEvent])]


@pytest.mark.load
@settings(max_examples=30)
@given(session=ANY_SESSION)
@pytest.mark.parametrize("backend", BACKENDS)
def test_any_session_happens_again(session: AnySession, backend: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "t.jsonl"
        ran(backend, session.record, path)
        written = path.read_bytes()
        trace = read_trace(path, check=True)
        seen: list[Event] = []
        ran(backend, functools.partial(replay_trace, on_event=seen.append), path)

    assert as_read(seen) == as_read(trace.events)
    for secret in (KEY, SECRET):
        assert secret.encode() not in written


@pytest.mark.load
@settings(max_examples=30)
@given(session=ANY_SESSION)
@pytest.mark.parametrize("backend", BACKENDS)
def test_any_session_that_is_driven_again_is_played_to(session: AnySession, backend: str) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / "t.jsonl"
        ran(backend, session.record, path)
        stage = Stage(path)

        def assemble(runtime: Runtime, session: str | None, options: Options) -> Parts:
            return stage.assemble(runtime, session, options)

        patch.setattr(Runtime, "assemble", assemble)
        ran(backend, session.drive)

        stage.finish()
    assert stage.used == stage.steps
