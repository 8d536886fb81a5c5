"""What does a tool do, called from the command line? The same as in a session."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import msgspec

from toolrun.cli.options import STDIN, open_session
from toolrun.errors import ConfigError
from toolrun.events import (
    EgressDecided,
    Repaired,
    ToolCallFinished,
    ToolCallStarted,
    ToolOutput,
    Warned,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from toolrun.cli.load_tools import Offered
    from toolrun.config import Config
    from toolrun.decisions import Decision
    from toolrun.events import Event
    from toolrun.values import ToolCall

_SHOWN = (ToolCallStarted, ToolOutput, EgressDecided, ToolCallFinished, Repaired, Warned)


def given(words: Sequence[str], parameters: Mapping[str, Any]) -> str:
    """The JSON text of the arguments that were typed.

    Args:
        words: one JSON object, `-` for one on stdin, or `key=value` pairs: a value is a text where
            the schema takes one, else JSON.
        parameters: the tool's schema.

    Raises:
        ConfigError: a word that is neither.
    """
    if len(words) == 1 and words[0] == STDIN:
        return _object(sys.stdin.read(), "what came on stdin")
    if len(words) == 1 and words[0].lstrip().startswith("{"):
        return _object(words[0], "what was typed")
    arguments: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise ConfigError(f"{word!r} is no argument; give KEY=VALUE pairs or one JSON object")
        arguments[key] = _value(value, parameters.get("properties", {}).get(key, {}))
    return msgspec.json.encode(arguments).decode()


def _object(text: str, what: str) -> str:
    try:
        msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise ConfigError(f"{what} is no JSON object: {error}") from error
    return text


def _value(text: str, schema: Mapping[str, Any]) -> Any:
    kinds = [schema, *schema.get("anyOf", ())]
    if any("string" in _listed(kind.get("type")) or "enum" in kind for kind in kinds):
        return text
    try:
        return msgspec.json.decode(text)
    except msgspec.MsgspecError:
        return text


def _listed(kind: object) -> Sequence[object]:
    return kind if isinstance(kind, list) else [kind]


async def called(config: Config, tool: Offered, name: str, arguments: str, as_json: bool) -> int:  # noqa: FBT001 - anyio.run
    """Run a session whose model makes this one call; the exit code."""
    from toolrun.cli.exits import Exit
    from toolrun.cli.watch import Interrupts, watch
    from toolrun.decisions import Approve
    from toolrun.testing.scripted import ScriptedModel
    from toolrun.testing.scripted import call as calling

    async def approve(call: ToolCall) -> Decision:  # noqa: ARG001 - whoever typed it has decided
        return Approve()

    model = ScriptedModel(calling(name, arguments), "Done.")
    show, close = _json() if as_json else _screens()
    session = open_session(config, model=model, tools=[tool], approve=approve, trace=None)
    with Interrupts() as interrupts:
        async with session:
            turn = session.stream(f"Call {name}.")
            answer = await watch(session, turn, show, interrupts, close)
            close()
    if answer.status == "cancelled":
        return Exit.INTERRUPTED
    results = [each.result for each in answer.tool_calls]
    done = bool(results) and all(each and each.outcome == "ok" for each in results)
    return Exit.ANSWER if done else Exit.NO_ANSWER


def _json() -> tuple[Callable[[Event], None], Callable[[], None]]:
    from toolrun.cli.view import json_line

    def show(event: Event) -> None:
        if isinstance(event, _SHOWN):
            print(json_line(msgspec.json.encode(event)), flush=True)

    return show, sys.stdout.flush


def _screens() -> tuple[Callable[[Event], None], Callable[[], None]]:
    from toolrun.cli import screen as s
    from toolrun.cli.render import Renderer

    out, err = s.Screen.of(sys.stdout), s.Screen.of(sys.stderr)
    renderer = Renderer(out, err)

    def show(event: Event) -> None:
        if not isinstance(event, _SHOWN):
            return
        if isinstance(event, ToolCallFinished) and event.result.outcome == "ok":
            renderer.close()
            out.line(s.ANSWER, event.result.content)
            err.line(s.NOTE, f"{event.name}, {event.result.seconds:.2f} s")
        elif isinstance(event, ToolCallFinished):
            renderer.close()
            err.line(s.FAILED, f"{event.name} ({event.result.outcome}): {event.result.content}")
        else:
            renderer.show(event)

    return show, renderer.close
