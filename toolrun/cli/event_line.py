"""What does an event say, in one line?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from toolrun import events as ev
from toolrun.cli.render import call_text

if TYPE_CHECKING:
    from toolrun.values import Usage


def told(event: ev.Event) -> str:  # noqa: C901, PLR0911, PLR0912 - one table, an arm for each event
    """What an event says beyond its type and its place; one line, however long."""
    match event:
        case ev.SessionOpened():
            return f"{event.settings.get('model')}, tools: {len(event.tools)}, {event.date}"
        case ev.SettingsChanged():
            return _json(event.settings)
        case ev.UserMessage() | ev.ReasoningDelta() | ev.TextDelta():
            return _json(event.content if isinstance(event, ev.UserMessage) else event.text)
        case ev.AssistantMessage():
            return _said(event)
        case ev.ToolCallStarted():
            where = f"in {event.profile}" if event.profile else "in this process"
            return f"{call_text(event.name, event.arguments, None)} {where}"
        case ev.ToolCallFinished():
            result = event.result
            took = f"{result.outcome}, {result.seconds:.3f} s"
            return f"{event.name} ({took}): {_json(event.content)}"
        case ev.FileChanged():
            return f"{event.change} {event.path}, {event.before_size} -> {event.size} bytes"
        case ev.ApprovalRequested():
            return f"{call_text(event.name, event.arguments, None)}: {_json(event.reason)}"
        case ev.ApprovalDecided():
            more = [event.reason, "" if event.arguments is None else _json(event.arguments)]
            return " ".join(each for each in (event.decision, *more) if each)
        case ev.LimitReached():
            return f"{event.limit} = {event.value:g}"
        case ev.TurnFinished():
            why = event.error or event.reason
            return f"{event.status}{f': {why}' if why else ''}"
        case ev.TurnUndone():
            return ", ".join(event.left)
        case ev.ForkedFrom():
            return f"{event.parent} after event {event.parent_seq}, {event.copied} copied"
        case ev.Compacted():
            return compacted(event)
        case ev.RequestSent():
            how = ", streamed" if event.stream else ""
            return f"{event.size:,} bytes, new messages: {len(event.adds)}{how}"
        case ev.StepFinished():
            first = "" if event.first_token is None else f", first token {event.first_token:.3f} s"
            return f"{event.seconds:.3f} s{first}, {tokens(event.usage)}"
        case ev.Retried():
            return f"attempt {event.attempt}, {event.code}: {event.reason}"
        case ev.Repaired():
            return f"{event.what}: {_json(event.before)} -> {_json(event.after)}"
        case ev.ToolOutput():
            return f"{event.stream} {_json(event.text)}"
        case ev.ServerToolCalled():
            return f"{event.kind} {event.status} {_json(event.input)} -> {_json(event.output)}"
        case ev.EgressDecided():
            verdict = "let through" if event.allowed else f"refused: {event.reason}"
            return f"{event.method} {event.host}:{event.port} {verdict}"
        case ev.Warned():
            return f"{event.code}: {event.message}"
        case _:
            return ""


def tokens(usage: Usage) -> str:
    """The tokens of a step or of many, as a person counts them."""
    cached = f" ({usage.cached_tokens:,} cached)" if usage.cached_tokens else ""
    reasoning = f" ({usage.reasoning_tokens:,} reasoning)" if usage.reasoning_tokens else ""
    read, wrote = usage.prompt_tokens, usage.completion_tokens
    return f"{read:,} tokens read{cached}, {wrote:,} written{reasoning}"


def _said(event: ev.AssistantMessage) -> str:
    calls = [f"{call.name} {call.arguments}" for call in event.tool_calls]
    parts = [*([_json(event.content)] if event.content else []), *calls]
    why = f" ({event.finish_reason})" if event.finish_reason else ""
    return " ".join(parts) + why


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def compacted(event: ev.Compacted) -> str:
    """What was cut out of the requests of a session."""
    said = []
    if event.covers:
        count, used = event.covers, event.usage.total_tokens
        said.append(f"{count} messages summarised ({used:,} tokens): {_json(event.summary)}")
    if event.results:
        said.append(f"results left out: {len(event.results)}")
    return f"{', '.join(said)}; {event.before:,} -> {event.after:,} of {event.length:,} tokens"
