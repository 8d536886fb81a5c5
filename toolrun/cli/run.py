"""`toolrun run`: one prompt, its answer on stdout, what happens on stderr."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from pathlib import Path  # noqa: TC003 - cyclopts reads it
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from cyclopts import Parameter
from msgspec import MsgspecError, Struct, json

from toolrun.cli.kept import KeepOptions
from toolrun.cli.options import (
    Common,
    SessionOptions,
    given,
    open_session,
    prompt_of,
    session_options,
    settings,
)
from toolrun.errors import ConfigError, ServerUnreachable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from toolrun.answer import Answer
    from toolrun.cli.about import ToolLine
    from toolrun.cli.exits import Exit
    from toolrun.cli.log import Mask
    from toolrun.cli.view import View
    from toolrun.cli.watch import Interrupts
    from toolrun.config import Config
    from toolrun.decisions import Approver, Decision
    from toolrun.session import Session
    from toolrun.values import ToolCall

Approval: TypeAlias = Literal["ask", "all", "none"]


def run(
    prompt: str | None = None,
    /,
    *,
    options: SessionOptions | None = None,
    keeping: KeepOptions | None = None,
    as_json: Annotated[
        bool, Parameter(name="--json", help="All events on stdout, one JSON a line.")
    ] = False,
    output: Annotated[
        Path | None,
        Parameter(metavar="SCHEMA", help="File with a JSON Schema: the answer is JSON that fits."),
    ] = None,
    approve: Annotated[
        Approval,
        Parameter(
            help="Who decides on calls that ask for approval. By default you are asked at a "
            "terminal, and elsewhere they end the run with 6."
        ),
    ] = "ask",
    common: Annotated[Any, Parameter(parse=False)] = None,
) -> int:
    """Run one prompt: the answer on stdout, what happens on stderr.

    Args:
        prompt: What to ask; - reads it from stdin. With --resume it may be left out.
        options: Of the session.
        keeping: Where it is kept.
        as_json: Events instead of the answer.
        output: Of the answer.
        approve: Who decides.
        common: What every command has.
    """
    import anyio

    keeping = keeping or KeepOptions()
    config, mask = settings(options, common or Common(), keeping.store)
    keeping.check()
    if prompt is None and keeping.resume is None:
        raise ConfigError("PROMPT requires an argument, unless --resume ID goes on with a session")
    schema = None if output is None else _schema(output)
    asked = _Asked(
        None if prompt is None else prompt_of(prompt),
        as_json,
        schema,
        approve,
        keeping,
        keeping.url(config),
        given(options),
    )
    try:
        return anyio.run(_run, config, asked, mask)
    except ServerUnreachable as error:
        from toolrun.cli.reaching import unserved

        raise unserved(error) from error


class _Asked(Struct, frozen=True):
    """What the command line asks for, beside the settings of the session.

    `prompt` is None where a session is gone on with as it is; `store` is the URL of where it is
    kept; `given` are the options that one which is resumed shall have from now on.
    """

    prompt: str | None
    as_json: bool
    schema: dict[str, Any] | None
    approve: Approval
    keeping: KeepOptions
    store: str | None
    given: dict[str, Any]


async def _run(config: Config, asked: _Asked, mask: Mask) -> Exit:
    import structlog

    from toolrun.cli.about import tool_lines
    from toolrun.cli.exits import of_answer
    from toolrun.cli.load_tools import load_tools
    from toolrun.cli.view import JsonLines, Screens
    from toolrun.cli.watch import Interrupts, watch

    log = structlog.get_logger("toolrun")
    view = JsonLines() if asked.as_json else Screens(as_value=asked.schema is not None)
    view.asks = asked.approve == "ask" and sys.stdin.isatty() and sys.stderr.isatty()
    try:
        with Interrupts() as interrupts:
            tools = load_tools(config.tools, config)
            more = {"tools": tools, "sinks": [view], "approve": _approver(asked.approve)}
            async with _opened(config, asked, more) as session:
                log.info("session", id=session.id, model=config.model, base_url=config.base_url)
                for call, decision in asked.keeping.decisions.items():
                    await session.decide(call, decision)
                if asked.prompt is None:
                    turn = session.stream_on(output=asked.schema)
                else:
                    turn = session.stream(asked.prompt, output=asked.schema)
                answer = await watch(session, turn, view.show, interrupts, view.interrupted)
                if view.asks and answer.status == "parked":
                    waiting = _Waiting(session, config, tool_lines(tools, config), mask)
                    answer = await _decided(waiting, answer, view, interrupts)
                log.info("turn", status=answer.status, tokens=answer.usage.total_tokens)
        view.answered(answer)
        if asked.store is not None and answer.status != "finished":
            view.note(_how_to_go_on(session.id, answer))
        return of_answer(answer, denied=view.denied)
    finally:
        view.close()


@asynccontextmanager
async def _opened(config: Config, asked: _Asked, more: dict[str, Any]) -> AsyncIterator[Session]:
    """The session that is asked for: a new one, or one that a store keeps."""
    if asked.store is None:
        async with open_session(config, **more) as session:
            yield session
    elif asked.keeping.resume is None:
        async with open_session(config, **more, store=asked.store, id=asked.keeping.id) as session:
            yield session
    else:
        from toolrun.runtime import Runtime
        from toolrun.sandbox.pool import Boxes

        options = {**session_options(config), **more, "store": asked.store, "boxes": Boxes()}
        async with (
            Runtime(**options) as runtime,
            runtime.resume(asked.keeping.resume, **asked.given) as session,
        ):
            yield session


def _how_to_go_on(session: str, answer: Answer) -> str:
    """The command that goes on with a session."""
    waiting = "".join(f" --approve-call {each.call_id}" for each in answer.pending)
    return f"go on with: toolrun run --resume {session}{waiting}"


class _Waiting:
    """Where a person decides on the calls of a run. See `Deciding`."""

    def __init__(
        self, session: Session, config: Config, tools: Sequence[ToolLine], mask: Mask
    ) -> None:
        from toolrun.cli.chat.lines import Lines

        self.face = Lines(sys.stderr)
        self.session = session
        self.config = config
        self.tools = tools
        self.mask = mask


async def _decided(waiting: _Waiting, answer: Answer, view: View, interrupts: Interrupts) -> Answer:
    """What a parked turn comes to when a person decides on its calls.

    Raises:
        Interrupted: by Ctrl-C, at a question.
    """
    from toolrun.cli.chat.approving import decides
    from toolrun.cli.exits import Interrupted
    from toolrun.cli.watch import watch

    session = waiting.session
    while answer.status == "parked" and answer.pending:
        if not await decides(waiting, answer.pending):
            if waiting.face.interrupted:
                raise Interrupted
            return answer
        turn = session.stream_on()
        answer = await watch(session, turn, view.show, interrupts, view.interrupted)
    return answer


def _approver(approve: Approval) -> Approver | None:
    from toolrun.decisions import Approve, Deny

    async def all_run(call: ToolCall) -> Decision:  # noqa: ARG001 - whatever it is
        return Approve()

    async def none_runs(call: ToolCall) -> Decision:  # noqa: ARG001 - as above
        return Deny("nobody is there to approve it")

    return {"ask": None, "all": all_run, "none": none_runs}[approve]


def _schema(path: Path) -> dict[str, Any]:
    """The JSON Schema in a file.

    Raises:
        ConfigError: there is none.
    """
    try:
        return json.decode(path.read_bytes(), type=dict[str, Any])
    except OSError as error:
        raise ConfigError(f"--output {path}: cannot be read: {error.strerror}") from error
    except MsgspecError as error:
        raise ConfigError(f"--output {path}: no JSON Schema: {error}") from error
