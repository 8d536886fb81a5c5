"""Can what blocks do what its asynchronous twin can, with the same parameters?"""

from __future__ import annotations

from inspect import Parameter, signature
from typing import TYPE_CHECKING, Final

import pytest

from toolrun import AssistantMessage, BlockingSession, ServerError, Session
from toolrun.sandbox import BlockingSandbox, Sandbox
from toolrun.testing import ScriptedModel, say

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ASYNC_ALONE: Final = {
    "aclose": "leaving the context does it",
    "close": "as above",
    "open": "entering the context does it",
    "attacked": "internal",
    "backend": "internal",
    "is_used": "internal",
    "sync": "it makes the twin",
    "warm": "a box is started while others are waited for, by whoever has a loop",
}


def _public(kind: type) -> Iterator[str]:
    yield from (name for name in vars(kind) if not name.startswith("_") and name not in ASYNC_ALONE)


@pytest.mark.parametrize(("kind", "twin"), [(Session, BlockingSession), (Sandbox, BlockingSandbox)])
def test_a_twin_has_all(kind: type, twin: type) -> None:
    assert [name for name in _public(kind) if not hasattr(twin, name)] == []


@pytest.mark.parametrize("name", [*_public(Session)])
def test_a_method_of_a_blocking_session_takes_the_same(name: str) -> None:
    there, twin = getattr(Session, name), getattr(BlockingSession, name)
    if isinstance(there, property):
        assert isinstance(twin, property)
        return

    def shown(method: object) -> list[tuple[str, object, object]]:
        parameters: list[Parameter] = [*signature(method).parameters.values()]  # type: ignore[arg-type]  # a function
        return [(each.name, each.kind, each.default) for each in parameters]

    assert shown(twin) == shown(there)


def test_a_blocking_session_tells_of_itself(tmp_path: Path) -> None:
    trace = tmp_path / "t.jsonl"
    with Session.sync(model=ScriptedModel(say("Hello.")), tenant="acme", trace=trace) as session:
        session.ask("Hi.")

        assert session.state.turn == 1
        assert session.tenant == "acme"
        assert session.trace_path == trace
        with pytest.raises(ServerError, match="model is not a server"):
            session.prove(AssistantMessage("a"), AssistantMessage("b"))
