"""How does a recorded session read as a document? Markdown in which nothing of it is markup.

What users, models and tools wrote stands in quotes and fences that it cannot leave. In a quote
emphasis, lists and headings work, but no HTML, link or image does; a fence is longer than any that
stands in its text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from toolrun.trace.shown import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolrun.trace.turns import Behaviour, Call, Step, Turn

_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})\s*([A-Za-z0-9_+#.-]{0,24})\s*$")
_SPECIAL: Final = re.compile(r"[\\`<>&\[\]~|]")
"""What could begin HTML, an entity, a link, an image, code or a fence."""
_TICKS: Final = re.compile(r"`+")


def markdown(session: Behaviour) -> str:
    """A session as a document: its turns, what was said, thought and done in each."""
    return "\n\n".join(_blocks(session)) + "\n"


def _blocks(session: Behaviour) -> Iterator[str]:
    yield f"# Session {_code(session.session)}"
    settings = session.settings
    facts = [("model", settings.get("model")), ("date", session.date)]
    facts += [("toolrun", session.version), ("profile", settings.get("profile"))]
    names = [str((tool.get("function") or tool).get("name", "?")) for tool in session.tools]
    yield "\n".join(
        [
            *(f"- {name}: {_code(str(value))}" for name, value in facts if value),
            f"- tools: {', '.join(map(_code, names)) or 'none'}",
        ]
    )
    if settings.get("instructions"):
        yield "## Instructions"
        yield quoted(str(settings["instructions"]))
    for turn in session.turns:
        yield from _turn(turn)


def _turn(turn: Turn) -> Iterator[str]:
    yield f"## Turn {turn.number}{' (taken back later)' if turn.undone else ''}"
    if turn.compacted:
        yield "*What was sent of the turns before was compacted.*"
    yield "**User**"
    yield quoted(turn.asked)
    for step in turn.steps:
        yield from _step(step)
    yield f"*{_end(turn)}*"
    if turn.error:
        yield fenced(turn.error)


def _end(turn: Turn) -> str:
    parts: list[str] = [turn.status or "without an end in this trace"]
    parts += [f"limit {_code(turn.limit)}"] if turn.limit else []
    parts += [counted(len(turn.steps), "step"), counted(len(turn.calls), "call")]
    parts += [f"{turn.usage.total_tokens:,} tokens", f"{turn.seconds:.1f} s"]
    return ", ".join(parts)


def _step(step: Step) -> Iterator[str]:
    if step.retries:
        again = counted(len(step.retries), "failed attempt")
        yield f"*{again} before this step: {', '.join(map(_code, step.retries))}*"
    if step.reasoning:
        yield f"<details>\n<summary>Reasoning of step {step.number}</summary>"
        yield quoted(step.reasoning)
        yield "</details>"
    if step.content:
        yield "**Before the call**" if step.calls else "**Answer**"
        yield quoted(step.content)
    for call in step.calls:
        yield from _call(call)


def _call(call: Call) -> Iterator[str]:
    yield f"**Call** {_code(call.name)} ({_how(call)})"
    arguments = call.parsed
    if arguments is None:
        yield fenced(call.arguments)
    else:
        yield fenced(_json(arguments), "json")
    if call.decision == "edit" and call.ran is not None:
        yield "Ran with other arguments, as was decided:"
        yield fenced(_json(call.ran), "json")
    if call.outcome is not None:
        yield f"**Result** ({call.outcome}, {call.seconds:.2f} s)"
        yield fenced(call.content)


def _how(call: Call) -> str:
    decided = {"approve": "approved, ", "deny": "denied, ", "edit": "edited, "}
    where = "not run"
    if call.ran is not None:
        where = f"sandbox {_code(call.profile)}" if call.profile else "trusted, in the process"
    repaired = f", repaired: {', '.join(map(_code, call.repaired))}" if call.repaired else ""
    return f"{decided.get(call.decision, '')}{where}{repaired}"


def quoted(text: str) -> str:
    """A text as a quote: formatted where it is Markdown, but without HTML, links and images."""
    return "\n".join(f"> {line}".rstrip() for line in _safe(text))


def _safe(text: str) -> Iterator[str]:
    lines = re.split(r"\r\n|\r|\n", text.strip("\n"))
    at = 0
    while at < len(lines):
        opened = _FENCE.match(lines[at])
        end = _closing(lines, at + 1, opened[1]) if opened else None
        if opened is None or end is None:
            yield _SPECIAL.sub(r"\\\g<0>", lines[at])
            at += 1
        else:
            yield from fenced("\n".join(lines[at + 1 : end]), opened[2]).split("\n")
            at = end + 1


def _closing(lines: list[str], begin: int, fence: str) -> int | None:
    """Where a fence is closed; None: it is not."""
    for at in range(begin, len(lines)):
        line = lines[at].strip()
        if len(line) >= len(fence) and not line.strip(fence[0]):
            return at
    return None


def fenced(text: str, language: str = "text") -> str:
    """A text in a fence that it cannot close."""
    longest = max((len(run) for run in _TICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    body = re.sub(r"\r\n|\r", "\n", text)
    return f"{fence}{language}\n{body.rstrip(chr(10))}\n{fence}"


def _code(text: str) -> str:
    """A short text as code, in a line."""
    text = " ".join(text.split()) or " "
    ticks = "`" * (max((len(run) for run in _TICKS.findall(text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value)).decode()
