"""In what do two sessions differ? Turn by turn, step by step, field by field.

Steps are aligned by what they do: one that only one side has moves none of the others. Ids, times
and how a stream was cut into pieces are no difference; nor are the tokens of prompts, since some
chat templates write the ids of calls into them.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from msgspec import UNSET, Struct, UnsetType, to_builtins

from toolrun.values import Json

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from toolrun.events import Event
    from toolrun.trace.turns import Behaviour, Call, Step, Turn

What: TypeAlias = Literal[
    "settings",
    "tools",
    "turn",
    "user message",
    "step",
    "reasoning",
    "text",
    "call",
    "argument",
    "decision",
    "outcome",
    "result",
    "retries",
    "status",
    "tokens",
    "event",
]
"""What can differ: `text` is a preamble or the answer, `tokens` are those that a step wrote."""


class Difference(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that is not the same on both sides.

    Attributes:
        turn, step: where, as the first side counts (the second, where only that has it); 0 for
            what is of the whole session, or of the whole turn.
        what: differs.
        call: the name of the tool, where it is about a call.
        field: of the setting, the tool's schema or the arguments: a path such as `unit` or
            `parameters.properties.city.type`; "" for the whole.
        before, after: both sides, as JSON has them; unset where a side has nothing.
    """

    turn: int = 0
    step: int = 0
    what: What
    call: str = ""
    field: str = ""
    before: Json | UnsetType = UNSET
    after: Json | UnsetType = UNSET


def differences(before: Behaviour, after: Behaviour) -> list[Difference]:
    """All that differs between two sessions, in the order of the first; empty if they are equal.

    Args:
        before: the one.
        after: the other.
    """
    found = [
        Difference(what="settings", field=path, before=old, after=new)
        for path, old, new in fields(before.settings, after.settings)
    ]
    found += _tools(before.tools, after.tools)
    for old, new in _paired(before.turns, after.turns):
        if old is None or new is None:
            found.append(_only(old, new))
        else:
            found += _turn(old, new)
    return found


def every_difference(before: Sequence[Event], after: Sequence[Event]) -> list[Difference]:
    """All that differs between the events of two sessions, ids and times included, one by one.

    It ends where an event is of another type: what follows cannot be told apart any more.
    """
    found: list[Difference] = []
    for old, new in _paired(before, after):
        place = old if old is not None else new
        assert place is not None
        at: dict[str, Any] = {"turn": place.turn, "step": place.step, "what": "event"}
        if type(old) is not type(new):
            kinds = [type(each).__name__ if each is not None else UNSET for each in (old, new)]
            return [*found, Difference(**at, before=kinds[0], after=kinds[1])]
        found += [
            Difference(**at, field=f"{type(place).__name__}.{path}", before=one, after=other)
            for path, one, other in fields(to_builtins(old), to_builtins(new))
        ]
    return found


def fields(before: Any, after: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """The smallest parts in which two JSON values differ, each with its path and both sides."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            inside = f"{path}.{key}" if path else str(key)
            yield from fields(before.get(key, UNSET), after.get(key, UNSET), inside)
    elif isinstance(before, list | tuple) and isinstance(after, list | tuple):
        for index in range(max(len(before), len(after))):
            old = before[index] if index < len(before) else UNSET
            new = after[index] if index < len(after) else UNSET
            yield from fields(old, new, f"{path}[{index}]")
    elif not _same(before, after):
        yield path, before, after


def _same(before: Any, after: Any) -> bool:
    """Whether two JSON values are one: true is not 1, but 1 is 1.0."""
    if isinstance(before, bool) or isinstance(after, bool):
        return before is after
    return bool(before == after)


def _tools(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> Iterator[Difference]:
    old, new = _by_name(before), _by_name(after)
    for name in [*old, *(name for name in new if name not in old)]:
        if name not in old or name not in new:
            yield Difference(
                what="tools", call=name, before=old.get(name, UNSET), after=new.get(name, UNSET)
            )
            continue
        for path, one, other in fields(old[name], new[name]):
            yield Difference(what="tools", call=name, field=path, before=one, after=other)
    # In another order the model reads another prompt.
    names = [name for name in old if name in new], [name for name in new if name in old]
    if names[0] != names[1]:
        yield Difference(what="tools", field="order", before=names[0], after=names[1])


def _by_name(tools: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        str(function.get("name", "")): function
        for function in (tool.get("function") or tool for tool in tools)
    }


def _paired(before: Sequence[Any], after: Sequence[Any]) -> Iterator[tuple[Any | None, Any | None]]:
    """Both sides in order, one by one; what the longer one has more stands alone."""
    for index in range(max(len(before), len(after))):
        yield (
            before[index] if index < len(before) else None,
            after[index] if index < len(after) else None,
        )


def _aligned(
    before: Sequence[Any], after: Sequence[Any], key: Any
) -> Iterator[tuple[Any | None, Any | None]]:
    """Both sides in order, paired where they do the same, else one by one."""
    old: list[Hashable] = [key(each) for each in before]
    new: list[Hashable] = [key(each) for each in after]
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for _, begin, end, other_begin, other_end in matcher.get_opcodes():
        yield from _paired(before[begin:end], after[other_begin:other_end])


def _only(before: Turn | None, after: Turn | None) -> Difference:
    """A turn that only one side has."""
    turn = before or after
    assert turn is not None
    return Difference(
        turn=turn.number,
        what="turn",
        before=before.asked if before else UNSET,
        after=after.asked if after else UNSET,
    )


def _turn(before: Turn, after: Turn) -> Iterator[Difference]:
    turn = before.number
    if before.asked != after.asked:
        yield Difference(turn=turn, what="user message", before=before.asked, after=after.asked)
    for path, old, new in fields(_output(before), _output(after)):
        yield Difference(turn=turn, what="user message", field=path, before=old, after=new)
    for step, other in _aligned(before.steps, after.steps, _does):
        if step is None or other is None:
            alone = step or other
            assert alone is not None
            yield Difference(
                turn=turn,
                step=alone.number,
                what="step",
                before=_summary(step) if step else UNSET,
                after=_summary(other) if other else UNSET,
            )
        else:
            yield from _step(turn, step, other)
    if before.retries != after.retries:
        yield Difference(
            turn=turn, what="retries", before=list(before.retries), after=list(after.retries)
        )
    if _end(before) != _end(after):
        yield Difference(turn=turn, what="status", before=_end(before), after=_end(after))


def _output(turn: Turn) -> dict[str, Any]:
    return {} if turn.output is None else {"output": turn.output}


def _does(step: Step) -> Hashable:
    return tuple(call.name for call in step.calls)


def _summary(step: Step) -> str:
    """A step in a line, where the other side has none like it."""
    calls = ", ".join(f"{call.name}({call.arguments})" for call in step.calls)
    return calls or step.content


def _end(turn: Turn) -> str:
    """How a turn ended."""
    ended: str = turn.status or "the trace ends"
    why = turn.limit or turn.error
    return f"{ended}{f': {why}' if why else ''}{', undone' if turn.undone else ''}"


def _step(turn: int, before: Step, after: Step) -> Iterator[Difference]:
    at: dict[str, Any] = {"turn": turn, "step": before.number}
    pairs: list[tuple[What, Any, Any]] = [
        ("retries", list(before.retries), list(after.retries)),
        ("reasoning", before.reasoning, after.reasoning),
        ("text", before.content, after.content),
    ]
    for what, old, new in pairs:
        if old != new:
            yield Difference(**at, what=what, before=old, after=new)
    for call, other in _aligned(before.calls, after.calls, lambda call: call.name):
        yield from _call(at, call, other)
    wrote = before.usage.completion_tokens, after.usage.completion_tokens
    if wrote[0] != wrote[1]:
        yield Difference(**at, what="tokens", before=wrote[0], after=wrote[1])


def _call(at: dict[str, Any], before: Call | None, after: Call | None) -> Iterator[Difference]:
    if before is None or after is None or before.name != after.name:
        yield Difference(
            **at,
            what="call",
            before=f"{before.name}({before.arguments})" if before else UNSET,
            after=f"{after.name}({after.arguments})" if after else UNSET,
        )
        return
    at = {**at, "call": before.name}
    for path, old, new in _arguments(before, after):
        yield Difference(**at, what="argument", field=path, before=old, after=new)
    if before.decision != after.decision:
        yield Difference(**at, what="decision", before=before.decision, after=after.decision)
    if before.outcome != after.outcome:
        yield Difference(
            **at,
            what="outcome",
            before=before.outcome or UNSET,
            after=after.outcome or UNSET,
        )
    if before.content != after.content:
        yield Difference(**at, what="result", before=before.content, after=after.content)
    for path, old, new in fields(_files(before), _files(after)):
        yield Difference(**at, what="result", field=path, before=old, after=new)


def _arguments(before: Call, after: Call) -> Iterator[tuple[str, Any, Any]]:
    old, new = before.parsed, after.parsed
    if old is None or new is None:
        if before.arguments != after.arguments:
            yield "", before.arguments, after.arguments
    else:
        yield from fields(old, new)
    if before.decision == after.decision == "edit":
        yield from fields(before.ran, after.ran, "edited")


def _files(call: Call) -> dict[str, Any]:
    """The files that a call changed, by path."""
    return {f"file {each.path}": to_builtins(each) for each in call.files}
