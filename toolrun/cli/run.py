"""`toolrun run`: one prompt, its answer on stdout, what happens on stderr."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

from cyclopts import Parameter

from toolrun.cli.options import Common, SessionOptions, open_session, prompt_of, settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolrun.answer import Answer
    from toolrun.config import Config
    from toolrun.events import Event

    Shown: TypeAlias = tuple[Callable[[Event], None], Callable[[], None], Callable[[], None]]

_UNESCAPED: Final = re.compile(r"[\x7f-\x9f]")


def run(
    prompt: str,
    /,
    *,
    options: SessionOptions | None = None,
    as_json: Annotated[
        bool, Parameter(name="--json", help="All events on stdout, one JSON a line.")
    ] = False,
    common: Annotated[Any, Parameter(parse=False)] = None,
) -> int:
    """Run one prompt: the answer on stdout, what happens on stderr.

    Args:
        prompt: What to ask; - reads it from stdin.
        options: Of the session.
        as_json: Events instead of the answer.
        common: What every command has.
    """
    import anyio

    from toolrun.cli.exits import of_answer

    config, _ = settings(options, common or Common())
    text = prompt_of(prompt)
    return of_answer(anyio.run(_run, config, text, as_json))


async def _run(config: Config, prompt: str, as_json: bool) -> Answer:  # noqa: FBT001 - anyio.run
    import structlog

    from toolrun.cli.watch import Interrupts, watch

    show, interrupted, close = _json() if as_json else _screens()
    log = structlog.get_logger("toolrun")
    try:
        with Interrupts() as interrupts:
            async with open_session(config) as session:
                log.info("session", id=session.id, model=config.model, base_url=config.base_url)
                turn = session.stream(prompt)
                answer = await watch(session, turn, show, interrupts, interrupted)
                log.info("turn", status=answer.status, tokens=answer.usage.total_tokens)
                return answer
    finally:
        close()


def _screens() -> Shown:
    from toolrun.cli.render import Renderer
    from toolrun.cli.screen import Screen

    renderer = Renderer(Screen.of(sys.stdout), Screen.of(sys.stderr))
    return renderer.show, renderer.interrupted, renderer.close


def _json() -> Shown:
    from msgspec import json

    def show(event: Event) -> None:
        print(json_line(json.encode(event).decode()), flush=True)

    return show, sys.stdout.flush, sys.stdout.flush


def json_line(text: str) -> str:
    """JSON with the control characters escaped that JSON itself allows: C1 reaches terminals."""
    return _UNESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
