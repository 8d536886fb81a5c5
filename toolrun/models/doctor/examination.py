"""In which order is a server checked, and what becomes of a check that fails?

Each check has its own requests and its own time, so that one that fails says nothing of the others.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import anyio
from msgspec import Struct

from toolrun.errors import MalformedOutput, ServerError, ServerStatus
from toolrun.models.auto import keeping
from toolrun.models.doctor import chat_checks, memory_checks, way_checks
from toolrun.models.doctor.patient import PAGE_SECONDS, Patient
from toolrun.models.doctor.report import Check, Finding, Report, Verdict
from toolrun.models.door import Door
from toolrun.models.probe import probe

if TYPE_CHECKING:
    from toolrun.models.dialects import Dialect
    from toolrun.models.ways import Server
    from toolrun.values import Json

SECONDS = 60.0
"""What a check may take."""
_KEYS = (401, 403)
_OK, _NOT_FOUND = 200, 404
_OLD_VLLM = "vLLM 0.22 or later takes reasoning back under either name"


class _Planned(Struct, frozen=True):
    """A check to be made.

    Attributes:
        needed: whether it is red where the server fails at it.
        path: without which there is nothing to check.
    """

    name: str
    make: Callable[[Patient], Awaitable[Finding]]
    needed: bool = False
    path: str | None = None


_RESPONSES = "/responses"
_PLAN = (
    _Planned("streaming", chat_checks.streaming, needed=True),
    _Planned("tool calling", chat_checks.tool_calling, needed=True),
    _Planned("reasoning returned", chat_checks.reasoning_returned, needed=True),
    _Planned("reasoning taken back", memory_checks.reasoning_taken_back, needed=True),
    _Planned("parallel calls", chat_checks.parallel_calls),
    _Planned("structured output", chat_checks.structured_output),
    _Planned("Responses", way_checks.responses, path=_RESPONSES),
    _Planned(
        "Responses: reasoning taken back", memory_checks.responses_taken_back, path=_RESPONSES
    ),
    _Planned("Responses: store", way_checks.responses_store, path=_RESPONSES),
    _Planned("tokens in and out", way_checks.tokens_in_and_out),
    _Planned("prefix cache", memory_checks.prefix_cache),
)
CHECKS = ("server", "models", *(planned.name for planned in _PLAN))
"""The names of all checks, in their order."""


async def examine(
    server: Server,
    model: str | None = None,
    *,
    extra_body: Mapping[str, Json] | None = None,
    on_begin: Callable[[str], None] | None = None,
    on_check: Callable[[Check], None] | None = None,
) -> Report:
    """Check a server.

    Args:
        server: where it is.
        model: the name of the model to sample; the first gpt-oss that it serves where None.
        extra_body: further fields of each request's body.
        on_begin: is told the name of each check as it begins.
        on_check: is told what each check found.

    Returns:
        What was found, check by check.

    Raises:
        ServerError: nobody answers, or nobody without another key.
    """
    door = Door(
        server.base_url,
        api_key=server.api_key,
        headers=server.headers,
        timeouts=server.timeouts,
    )
    checks: list[Check] = []

    def record(name: str, finding: Finding, began: float) -> None:
        fields = {each: getattr(finding, each) for each in Finding.__struct_fields__}
        taken = round(time.perf_counter() - began, 3)
        checks.append(Check(name=name, seconds=taken, **fields))
        if on_check is not None:
            on_check(checks[-1])

    def begin(name: str) -> float:
        if on_begin is not None:
            on_begin(name)
        return time.perf_counter()

    try:
        began = begin("server")
        dialect = server.known or await probe(door)
        record("server", _identity(dialect), began)
        began = begin("models")
        chosen, finding = await _model(door, model)
        record("models", finding, began)
        if chosen is not None:
            patient = Patient(door, dialect, chosen, extra_body or {})
            for planned in _PLAN:
                began = begin(planned.name)
                record(planned.name, await _made(planned, patient), began)
    finally:
        await door.aclose()
    return Report(
        url=door.base_url,
        server=dialect.name,
        kind=dialect.kind,
        model=chosen,
        via=next(keeping(dialect), "chat"),
        checks=tuple(checks),
    )


async def _made(planned: _Planned, patient: Patient) -> Finding:
    """What a check found, or why it could not be made."""
    with anyio.move_on_after(SECONDS):
        if planned.path is not None and not await _has(patient.door, planned.path):
            return Finding("yellow", f"there is no {planned.path}")
        try:
            return await planned.make(patient)
        except ServerError as error:
            hint = error.code in ("malformed-header", "malformed-call")
            verdict: Verdict = "red" if planned.needed and not hint else "yellow"
            return Finding(verdict, str(error), "run it again" if hint else None)
    return Finding("yellow", f"no answer within {SECONDS:g} s", "run it again when it is less busy")


async def _has(door: Door, path: str) -> bool:
    """Whether a server has a path: one that takes POST alone answers GET with 405, not with 404.

    LM Studio answers 200 with an error.
    """
    try:
        page = await door.look(f"{door.base_url}{path}", PAGE_SECONDS)
    except ServerError:
        return False
    return page.status != _NOT_FOUND and not (page.status == _OK and b'"error"' in page.body)


def _identity(dialect: Dialect) -> Finding:
    if dialect.kind == "generic":
        return Finding(
            "yellow", "it does not say what it is", "name it: --dialect ollama, vllm 0.32.0, ..."
        )
    if dialect.takes_reasoning is False:
        return Finding("yellow", f"{dialect.name}: it drops reasoning", _OLD_VLLM)
    return Finding("green", dialect.name)


async def _model(door: Door, wanted: str | None) -> tuple[str | None, Finding]:
    """The model to sample, if there is one."""
    try:
        names = await door.models()
    except (ServerStatus, MalformedOutput) as error:
        if isinstance(error, ServerStatus) and error.status in _KEYS:
            raise
        if wanted is None:
            return None, Finding("red", str(error), "name a model with --model")
        return wanted, Finding("yellow", f"it does not list them ({error})")
    listed = ", ".join(names) or "none"
    if wanted is not None and wanted not in names:
        return None, Finding("red", f"no {wanted} among {listed}", "name one of them with --model")
    chosen = wanted or next((name for name in names if "gpt-oss" in name.lower()), None)
    if chosen is None:
        fix = "name one with --model; toolrun is made for gpt-oss"
        return None, Finding("red", f"no gpt-oss among {listed}", fix)
    others = f", of {len(names)}" if len(names) > 1 else ""
    return chosen, Finding("green", f"{chosen}{others}")
