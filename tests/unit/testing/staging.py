"""Which sessions are played to in the tests of stages?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolrun import Runtime, Session, tool

if TYPE_CHECKING:
    import pytest

    from toolrun import ReplayMismatch
    from toolrun.options import Options
    from toolrun.parts import Parts
    from toolrun.testing.stage import Stage

ran: list[str] = []
"""The tools that ran since a stage was put in place."""


@tool(trusted=True)
async def double(number: int) -> int:
    """Double a number."""
    ran.append("double")
    return 2 * number


@tool(trusted=True, approve=True)
async def send(to: str) -> str:
    """Send a letter."""
    ran.append("send")
    return f"sent to {to}"


def session(**options: Any) -> Session:
    """A session as a service might open it."""
    return Session(**{"tools": [double, send], **options})


def put(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Have a stage put all sessions together."""

    def assemble(runtime: Runtime, session_id: str | None, options: Options) -> Parts:
        return stage.assemble(runtime, session_id, options)

    monkeypatch.setattr(Runtime, "assemble", assemble)
    ran.clear()
    return stage


def first_line(mismatch: ReplayMismatch) -> str:
    """What a mismatch says in one line."""
    return str(mismatch).splitlines()[0]
