"""How does the model run Python? `python()`: code in a box, and what it prints is the result.

As in the reference (openai/gpt-oss, gpt_oss/tools/python_docker) each call has an interpreter of
its own, and what is to be seen is printed. `python(stateful=True)` keeps one for the session, and
shows the value of the last line as a notebook does.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NoReturn

import anyio

from toolrun.errors import ToolDefinitionError
from toolrun.sandbox.resolve import load_profile, over
from toolrun.tools.builtin.interpreter import Interpreter, Ran
from toolrun.tools.context import KEY_VARIABLE
from toolrun.tools.decorator import Options
from toolrun.tools.definition import Tool, check_options
from toolrun.tools.listener import heard_by
from toolrun.tools.results import cut, failure
from toolrun.tools.work import Need, Work
from toolrun.transcript import ToolMessage
from toolrun.values import Outcome, ToolResult

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from toolrun.sandbox import Completed, Sandbox
    from toolrun.tools.living import Living
    from toolrun.tools.work import Serving
    from toolrun.values import Json

NAME = "python"
_LOOK = 0.002
_USE = (
    "Runs Python code while you reason: to compute, to check, to look at data. The user sees "
    "neither the code nor what it prints, so it is not for code that they asked for.\n"
)
_STATELESS = (
    "The code runs in a sandbox without network, in an interpreter of its own: nothing of one call "
    "is there in the next. You get what it prints, and nothing else: print what you want to see."
)
_STATEFUL = (
    "The code runs in a sandbox without network, in one interpreter like a notebook's: what a call "
    "defines is there in the next. You get what it prints, and the value of its last line. A call "
    "that does not end in time, or a crash, loses all that was defined."
)
_ANEW = (
    "[This is a new interpreter: what earlier calls defined, imported or wrote to files is gone.]\n"
)


def python(
    *,
    stateful: bool = False,
    timeout: float = 60.0,
    profile: str | Mapping[str, Json] | None = None,
    approve: bool | Callable[[dict[str, Json]], bool] = False,
    max_output: int = 16 * 1024,
) -> Tool:
    """The model's own `python` tool.

    Args:
        stateful: keep one interpreter for each session, until it closes.
        timeout: seconds that a call may take; where the interpreter is kept, it is then lost.
        profile: the sandbox profile; `python` by default, which a table narrows.
        approve: see `toolrun.tool`.
        max_output: bytes of a result that the model reads.

    Raises:
        ToolDefinitionError: an option is none that can be.
        ConfigError: there is no such profile.
    """
    chosen = over(NAME, profile)
    options = Options(
        name=NAME, timeout=timeout, profile=chosen, approve=approve, max_output=max_output
    )
    check_options(NAME, options)
    if stateful and load_profile(chosen).workspace == "writable":
        raise ToolDefinitionError(
            f"tool {NAME}: stateful needs a profile whose workspace is not writable: what is "
            "written there is kept when a call is over, and this interpreter goes on"
        )
    work: Work = _Stateful(Need(chosen)) if stateful else _Stateless(Need(chosen))
    return Tool(
        name=NAME,
        description=_USE + (_STATEFUL if stateful else _STATELESS),
        parameters={
            "type": "object",
            "properties": {"code": {"type": "string", "description": "Python code to run."}},
            "required": ["code"],
            "additionalProperties": False,
        },
        options=options,
        function=not_called,
        build=dict,
        source=None,
        builtin=True,
        work=work,
        bare=("code", ""),
    )


def not_called(**_: Any) -> NoReturn:
    """Stand where a tool has its function."""
    raise AssertionError("a built-in tool has no function: its work runs it")


class _Stateless:
    """Each call in an interpreter of its own."""

    def __init__(self, need: Need) -> None:
        self.needs = (need,)

    async def run(self, serving: Serving) -> ToolResult:
        """Run the code as a script."""
        sandbox = await serving.sandbox(self.needs[0])
        done = await sandbox.run(
            serving.arguments["code"],
            timeout=serving.tool.options.timeout,
            env={KEY_VARIABLE: serving.context.idempotency_key},
            tenant=serving.tenant,
            **heard_by(serving.listener),
        )
        return _completed(serving.tool, done)


def _completed(tool: Tool, done: Completed) -> ToolResult:
    printed = _joined(done.stdout, done.stderr)
    seconds, limit, note = round(done.seconds, 6), tool.options.max_output, done.kept.note
    if done.status != "ok":
        kind: Outcome = "timeout" if done.status == "timeout" else "crash"
        said = failure(NAME, kind, done.error or done.status)
        return ToolResult(_both(printed, said, limit), kind, seconds, note)
    if done.exit != 0:
        printed = printed or f"The code ended with status {done.exit} and printed nothing."
        return ToolResult(cut(printed, limit), "error", seconds, note)
    printed = printed or "The code ran and printed nothing. Print what you want to see."
    return ToolResult(cut(printed, limit), "ok", seconds, note)


def _joined(stdout: bytes, stderr: bytes) -> str:
    parts = [each.decode(errors="replace").strip("\n") for each in (stdout, stderr)]
    return "\n".join(part for part in parts if part)


def _both(printed: str, said: str, limit: int) -> str:
    """What was printed before the end, and how it came; of that nothing is cut."""
    return cut(printed, max(limit - len(said) - 1, 1)) + f"\n{said}" if printed else said


class _Stateful:
    """The calls of a session in one interpreter, one after another."""

    def __init__(self, need: Need) -> None:
        self.needs = (need,)

    async def run(self, serving: Serving) -> ToolResult:
        """Run the code after that of the calls before."""
        sandbox = await serving.sandbox(self.needs[0])
        own = serving.kept.of(self, lambda: _Own(serving.runner.living))
        await own.in_turn(serving)
        try:
            async with own.lock:
                return await own.run(serving, sandbox)
        finally:
            own.served.add(serving.call.id)


class _Own:
    """The interpreter of one session.

    Attributes:
        lock: held by the call that runs.
        served: the ids of the calls that it has served.
    """

    def __init__(self, living: Living) -> None:
        self.lock = anyio.Lock()
        self._living = living
        self._interpreter: Interpreter | None = None
        self._last = ""
        self.served: set[str] = set()

    async def in_turn(self, serving: Serving) -> None:
        """Wait for the calls before it in the same message: the tasks of calls have no order."""
        while self._waits(serving):  # noqa: ASYNC110 - a call that is refused tells nobody here
            await anyio.sleep(_LOOK)

    def _waits(self, serving: Serving) -> bool:
        state = serving.state
        over = self.served | state.results.keys() | state.pending.keys()
        before = itertools.takewhile(lambda call: call.id != serving.call.id, state.calls)
        return any(call.name == NAME and call.id not in over for call in before)

    async def run(self, serving: Serving, sandbox: Sandbox) -> ToolResult:
        """Run a call's code; the lock is held."""
        began = anyio.current_time()
        interpreter, note = await self._fit(serving, sandbox)
        self._last = serving.call.id
        options = serving.tool.options
        seconds = min(options.timeout, sandbox.profile.wall_seconds)
        try:
            ran = await interpreter.run(
                serving.arguments["code"], seconds, sandbox.profile.output_bytes
            )
        finally:
            await self._living.trim()
        took = round(anyio.current_time() - began, 6)
        if serving.listener.output is not None and ran.printed:
            serving.listener.output("stdout", ran.printed.decode(errors="replace"))
        return _ran(ran, note, options.max_output, took)

    @property
    def is_busy(self) -> bool:
        """Whether a call runs."""
        return self.lock.locked()

    async def aclose(self) -> None:
        """End the interpreter; a later call has another."""
        self._living.forget(self)
        if (interpreter := self._interpreter) is not None:
            self._interpreter = None
            await interpreter.aclose()

    def close(self) -> None:
        """The same where nothing can be waited for."""
        self._living.forget(self)
        if self._interpreter is not None:
            self._interpreter.close()
            self._interpreter = None

    async def _fit(self, serving: Serving, sandbox: Sandbox) -> tuple[Interpreter, str]:
        """The interpreter that ran what the transcript says, else a new one and a word of it."""
        begun, before = _calls(serving)
        # A turn that was undone has left what the transcript does not know of.
        diverged = bool(self._last) and self._last not in begun
        if self._interpreter is not None and (diverged or not self._interpreter.alive):
            await self.aclose()
        self._living.use(self)
        if self._interpreter is not None:
            return self._interpreter, ""
        made = Interpreter(sandbox)
        await made.start()
        self._interpreter = made
        return made, _ANEW if before or diverged else ""


def _calls(serving: Serving) -> tuple[set[str], set[str]]:
    """The ids of the calls of `python` that have begun, and of those before this one."""
    state = serving.state
    said = {m.call_id for m in state.transcript if isinstance(m, ToolMessage) and m.name == NAME}
    now = [each.id for each in state.calls if each.name == NAME and each.id in state.started]
    earlier = now[: now.index(serving.call.id)] if serving.call.id in now else now
    return said | set(now), said | set(earlier)


def _ran(ran: Ran, note: str, limit: int, seconds: float) -> ToolResult:
    printed = note + ran.printed.decode(errors="replace").strip("\n")
    if ran.lost is not None:
        kind: Outcome = "timeout" if ran.ended == "timeout" else "crash"
        said = failure(NAME, kind, ran.lost) + " What earlier calls defined is gone."
        return ToolResult(_both(printed, said, limit), kind, seconds)
    printed = printed if printed != note else f"{note}The code ran and printed nothing."
    return ToolResult(cut(printed, limit), "ok" if ran.ok else "error", seconds)
