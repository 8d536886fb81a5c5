"""Errands by a toolrun `Session` over Chat Completions.

Usage: see `tests/rig/nano/errand_tools.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.rig.nano.errand_tools import STEPS, main
from toolrun import Limits, Sampling, Session, tool

if TYPE_CHECKING:
    from tests.rig.nano.errand_tools import Function, Server


def solve(server: Server, user: str, functions: list[Function]) -> None:
    with Session.sync(
        model=server.model,
        base_url=server.url,
        via="chat",
        tools=[tool(trusted=True)(each) for each in functions],
        sampling=Sampling(temperature=server.temperature),
        limits=Limits(steps=STEPS),
    ) as session:
        session.ask(user)


main(solve)
