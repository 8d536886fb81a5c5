"""What does a call of a tool in this process give, and what does it tell on the way?

The values that a generator yields are told one by one; the last one is the result.
"""

from __future__ import annotations

import contextlib
import inspect
import types
from collections.abc import AsyncGenerator
from functools import partial
from typing import TYPE_CHECKING, Any

from toolrun.tools.results import cut, to_text
from toolrun.tools.threads import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from toolrun.tools.definition import Tool
    from toolrun.tools.listener import Output
    from toolrun.tools.masks import Mask

    Tell = Callable[[str], None]
    Text = Callable[[Any], str]


async def returned(
    tool: Tool,
    arguments: dict[str, Any],
    output: Output | None,
    mask: Mask,
    left: Callable[[], None],
) -> str:
    """Call a tool; the text of its result, without its secrets, cut.

    Args:
        tool: what to call.
        arguments: of its function.
        output: is told of what it yields.
        mask: takes secrets out.
        left: is called where its function is left running in a thread.

    Raises:
        BaseException: whatever the tool raises.
    """
    tell = None if output is None else partial(output, "progress")
    text = partial(_text, tool, mask)
    value: Any
    if tool.is_async or inspect.isasyncgenfunction(tool.function):
        value = tool.function(**arguments)
    else:
        value = await _in_thread(tool, arguments, text, tell, left)
    if inspect.isawaitable(value):  # also of a plain function around a coroutine function
        value = await value
    if isinstance(value, AsyncGenerator):
        value = await _last(value, text, tell)
    return str(value) if isinstance(value, _Text) else text(value)


class _Text(str):
    """The text of a result, which was made where the tool ran."""

    __slots__ = ()


async def _last(generator: AsyncGenerator[Any, None], text: Text, tell: Tell | None) -> Any:
    """The last value of a generator, which is closed whatever happens."""
    value: Any = None
    async with contextlib.aclosing(generator):
        async for value in generator:
            if tell is not None:
                tell(text(value))
    return value


async def _in_thread(
    tool: Tool, arguments: dict[str, Any], text: Text, tell: Tell | None, left: Callable[[], None]
) -> Any:
    work = Work(partial(_work, tool, arguments, text, tell))
    try:
        return await work.run()
    finally:
        if work.left:
            left()


def _work(
    tool: Tool, arguments: dict[str, Any], text: Text, tell: Tell | None, work: Work[Any]
) -> Any:
    """In the thread: the text of the result, or what only the loop can make a result of."""
    value = tool.function(**arguments)
    if isinstance(value, types.GeneratorType):
        value = _drained(value, text, tell, work)
    if inspect.isawaitable(value) or isinstance(value, AsyncGenerator):
        return value
    return _Text(text(value))


def _drained(
    generator: Generator[Any, None, Any], text: Text, tell: Tell | None, work: Work[Any]
) -> Any:
    """In the thread: the value that a generator returns, else the last one that it yields."""
    last: Any = None
    with contextlib.closing(generator):
        while not work.left:
            try:
                last = next(generator)
            except StopIteration as end:
                return last if end.value is None else end.value
            if tell is not None:
                work.tell(partial(tell, text(last)))
    return None


def _text(tool: Tool, mask: Mask, value: Any) -> str:
    return cut(mask.text(to_text(value)), tool.options.max_output)
