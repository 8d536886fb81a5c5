"""Which callables can be tools, and with which options?"""

from __future__ import annotations

import functools
import json
import math
from typing import TYPE_CHECKING, Any

import anyio.lowlevel
import pytest

from tests.unit.tools import box_types
from toolrun import ToolCall, ToolDefinitionError, ToolResult, tool
from toolrun.tools.context import CallContext
from toolrun.tools.decorator import MARK
from toolrun.tools.definition import Tool, define
from toolrun.tools.listener import Listener
from toolrun.tools.runners import TrustedRunner
from toolrun.tools.sandboxed import SandboxRunner
from toolrun.tools.sandboxes import Sandboxes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

CALL = ToolCall("a", "f", "{}")
CONTEXT = CallContext(
    session="s", tenant="acme", call_id="a", idempotency_key="s.1.1.a", deadline=5.0, context={1: 2}
)


async def run(defined: Tool, **arguments: Any) -> ToolResult:
    return await TrustedRunner().run(defined, CALL, arguments, CONTEXT, Listener())


class Counter:
    """Counts."""

    def __init__(self) -> None:
        self.total = 0

    @tool(trusted=True)
    def add(self, number: int) -> int:
        """Add a number.

        Args:
            number: how much
        """
        self.total += number
        return self.total

    @tool(trusted=True)
    async def wait(self, number: int) -> int:
        """Add a number later."""
        await anyio.lowlevel.checkpoint()
        return self.add(number)

    def unmarked(self, number: int) -> int:
        return number

    async def __call__(self, number: int) -> int:
        """Add when called."""
        return await self.wait(number)


async def test_a_bound_method_keeps_its_state() -> None:
    counter = Counter()
    add, wait = define(counter.add), define(counter.wait)

    assert (add.name, add.description) == ("add", "Add a number.")
    assert add.parameters["properties"] == {
        "number": {"type": "integer", "description": "how much"},
    }
    assert [(await run(each, number=2)).content for each in (add, wait, add)] == ["2", "4", "6"]
    assert counter.total == 6


def test_a_method_without_its_object_is_refused() -> None:
    with pytest.raises(ToolDefinitionError, match=r"add: it is a method of Counter without an obj"):
        define(Counter.add)


async def test_what_is_bound_already_can_be_marked() -> None:
    counter = Counter()
    marked = tool(trusted=True, name="later")(counter.unmarked)

    assert marked(3) == 3
    assert define(marked).name == "later"
    assert (await run(define(marked), number=5)).content == "5"
    assert not hasattr(counter.unmarked, MARK)
    assert define(tool(trusted=True)(counter.unmarked)).name == "unmarked"


async def test_a_partial_hides_what_it_has_bound() -> None:
    def f(client: object, city: str, *, unit: str, day: int = 0) -> str:
        """Say it.

        Args:
            city: where
        """
        return f"{client} {city} {unit} {day}"

    partial = functools.partial(functools.partial(f, "client"), unit="C")
    defined = define(tool(trusted=True, name="say")(partial))

    assert defined.description == "Say it."
    assert defined.parameters["properties"] == {
        "city": {"type": "string", "description": "where"},
        "day": {"type": "integer", "default": 0},
    }
    assert (await run(defined, city="Oslo")).content == "client Oslo C 0"


async def test_a_partial_of_a_coroutine_function_is_awaited() -> None:
    async def f(x: int, y: int) -> int:
        await anyio.lowlevel.checkpoint()
        return x + y

    defined = define(tool(trusted=True, name="g")(functools.partial(f, y=1)))
    assert defined.is_async
    assert (await run(defined, x=1)).content == "2"


async def test_a_callable_object_has_the_signature_of_its_call() -> None:
    defined = define(tool(trusted=True, name="call")(Counter()))

    assert defined.description == "Add when called."
    assert defined.is_async
    assert (await run(defined, number=3)).content == "3"


def test_class_and_static_methods_are_imported_by_their_class() -> None:
    own, inherited = define(box_types.Clock.name_zone), define(box_types.Local.name_zone)
    static = define(box_types.Local.double)

    assert own.source is not None
    assert inherited.source is not None
    assert static.source is not None
    assert own.source.qualname == "Clock.name_zone"
    assert inherited.source.qualname == "Local.name_zone"
    assert static.source.qualname == "Clock.double"
    assert list(own.parameters["properties"]) == ["prefix"]


def test_either_order_of_the_decorators_marks() -> None:
    class C:
        @tool(trusted=True, timeout=5)
        @classmethod
        def outside(cls) -> None: ...

        @tool(trusted=True, timeout=6)
        @staticmethod
        def static() -> None: ...

    assert define(C.outside).options.timeout == 5
    assert define(C.static).options.timeout == 6


@pytest.fixture
async def boxes() -> AsyncIterator[SandboxRunner]:
    sandboxes = Sandboxes()
    yield SandboxRunner(sandboxes, "pure", None)
    await sandboxes.aclose()


async def boxed(boxes: SandboxRunner, function: Callable[..., Any], **arguments: Any) -> str:
    result = await boxes.run(define(function), CALL, arguments, CONTEXT, Listener())
    assert result.outcome == "ok", result
    return result.content


async def test_class_and_static_methods_run_in_a_box(boxes: SandboxRunner) -> None:
    assert await boxed(boxes, box_types.Local.name_zone, prefix="in ") == "in CET"
    assert await boxed(boxes, box_types.Clock.double, x=4) == "8"


async def test_a_box_builds_without_pydantic(boxes: SandboxRunner) -> None:
    given = {key: box_types.EVERYTHING[key] for key in ("tree", "place", "pair", "pet", "colour")}
    shown = await boxed(boxes, box_types.show_all, **given)

    assert "\"Pair(left=1, right=<Colour.BLUE: 'blue'>)\"" in shown
    assert "Dog(kind='dog', name='Rex', colour=<Colour.BLUE: 'blue'>)" in shown
    assert "children=[Tree(name='c'" in shown
    assert shown.endswith('"False"]')


async def test_a_box_is_told_for_whom_it_runs(boxes: SandboxRunner) -> None:
    assert define(box_types.who).parameters == {
        "type": "object",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
        "additionalProperties": False,
    }
    assert json.loads(await boxed(boxes, box_types.who, name="n")) == {
        "name": "n",
        "secrets": {},
        "session": "s",
        "tenant": "acme",
        "call_id": "a",
        "cancelled": False,
        "idempotency_key": "s.1.1.a",
        "deadline": 5.0,
        "context": None,
        "variable": "s.1.1.a",
    }


@pytest.mark.parametrize("annotation", [CallContext, CallContext | None, "CallContext"])
async def test_a_trusted_tool_gets_the_users_own_object(annotation: Any) -> None:
    def f(x: int, *, whom: Any) -> list[Any]:
        return [x, whom.context[1], whom.session]

    f.__annotations__["whom"] = annotation
    defined = define(tool(trusted=True)(f))

    assert list(defined.parameters["properties"]) == ["x"]
    assert (await run(defined, x=1)).content == '[1,2,"s"]'


def test_one_context_is_enough() -> None:
    def f(a: CallContext, b: CallContext) -> None: ...

    with pytest.raises(ToolDefinitionError, match="both take a CallContext; one is enough"):
        define(tool(trusted=True)(f))


def test_what_a_function_returns_needs_no_schema() -> None:
    assert define(box_types.everything).name == "everything"  # its return annotation is nowhere


def untouched(x: int) -> int:
    return x


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (Counter().unmarked, r"bound method has state.*trusted=True"),
        (functools.partial(untouched), r"a partial has state.*trusted=True"),
        (functools.partial(untouched, x=1), r"partial of untouched has no name.*tool\(name=..."),
        (Counter(), r"object of Counter has no name.*tool\(name=..."),
        (Counter, r"Counter is a class; give a method of an instance"),
        (tool(trusted=True, name="m")(min), "tool m: it has no signature"),
        (tool(trusted=True)(len), "tool len: parameter 'obj' (has no type|is positional-only)"),
    ],
)
def test_a_callable_that_cannot_be_a_tool_says_what_to_do(function: Any, said: str) -> None:
    with pytest.raises(ToolDefinitionError, match=said):
        define(function)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"timeout": math.nan}, "timeout must be seconds greater than 0, not nan"),
        ({"timeout": "5"}, "timeout must be seconds greater than 0, not '5'"),
        ({"timeout": True}, "timeout must be seconds"),
        ({"max_output": 1.5}, "max_output must be bytes"),
        ({"concurrency": 0}, "concurrency must be None or a number greater than 0, not 0"),
        ({"concurrency": 1.5}, "concurrency must be None or a number"),
        ({"repeatable": "no"}, "repeatable must be True or False, not 'no'"),
        ({"trusted": 1}, "trusted must be True or False, not 1"),
        ({"approve": "always"}, "approve must be True, False or a function"),
        ({"profile": 1}, "profile must be a name, a path or a table"),
        ({"profile": "pure", "trusted": True}, "a profile is for a sandboxed tool"),
        ({"description": 5}, "description must be a string"),
        ({"name": ""}, "tool name|<lambda>"),
    ],
)
def test_an_option_that_cannot_be_names_itself(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ToolDefinitionError, match=said):
        define(tool(**{"name": "f", **options})(lambda: 1))


def test_options_are_kept() -> None:
    def ask(arguments: dict[str, Any]) -> bool:
        return bool(arguments)

    @tool(trusted=True, repeatable=True, concurrency=2, approve=ask)
    def f() -> None: ...

    options = define(f).options
    assert (options.repeatable, options.concurrency, options.approve) == (True, 2, ask)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("timeouts", "no option 'timeouts'; did you mean 'timeout'"),
        ("trust", "did you mean 'trusted'"),
        ("zzz", "there are approve, concurrency"),
    ],
)
def test_a_misspelt_option_gets_the_nearest(option: str, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        tool(**{option: 1})  # type: ignore[call-overload]


def test_only_callables_are_marked() -> None:
    with pytest.raises(TypeError, match="marks functions, not int"):
        tool(trusted=True)(5)  # type: ignore[type-var]
