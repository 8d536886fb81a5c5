"""How does a built-in tool that works on the workspace have a box do it, and what is the result?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from toolrun.tools.listener import heard_by
from toolrun.tools.results import cut, failure
from toolrun.values import Outcome, ToolResult

if TYPE_CHECKING:
    from toolrun.sandbox import Outcome as Boxed
    from toolrun.tools.work import Need, Serving

_INSIDE: Final = "toolrun.tools.builtin.inside"


class InBox:
    """A call of a function of `toolrun.tools.builtin.inside`, which gives `text` or `error`.

    Args:
        function: its module and name: "reading:read".
        need: the sandbox.
        more: further arguments, by name.
        named: whether the function takes the tool's name, and its arguments as one.
    """

    def __init__(
        self, function: str, need: Need, *, more: dict[str, Any] | None = None, named: bool = False
    ) -> None:
        self.needs: tuple[Need] = (need,)
        self._function = function
        self._more = more or {}
        self._named = named

    async def run(self, serving: Serving) -> ToolResult:
        """See `Work.run`."""
        name, arguments = serving.tool.name, serving.arguments
        given = {"name": name, "arguments": arguments} if self._named else arguments
        sandbox = await serving.sandbox(self.needs[0])
        done = await sandbox.call(
            f"{_INSIDE}.{self._function}",
            {**given, **self._more},
            timeout=serving.tool.options.timeout,
            tenant=serving.tenant,
            **heard_by(serving.listener),
        )
        return _result(name, done, serving.tool.options.max_output)


def _result(name: str, done: Boxed, limit: int) -> ToolResult:
    seconds, note = round(done.seconds, 6), done.kept.note
    if done.value is None:
        kind: Outcome = "timeout" if done.status == "timeout" else "crash"
        return ToolResult(failure(name, kind, done.error or done.status), kind, seconds, note)
    said: dict[str, str] = msgspec.json.decode(done.value, type=dict[str, str])
    if "error" in said:
        return ToolResult(cut(f"{name}: {said['error']}", limit), "error", seconds, note)
    if done.kept.refused:
        return ToolResult(f"{name}: not all of it was kept.", "error", seconds, note)
    return ToolResult(cut(said["text"], limit), "ok", seconds, note)
