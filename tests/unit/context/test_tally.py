"""How many tokens is a request taken to have, exactly and nearly, and what does trimming save?"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from toolrun.context.tally import tally_of
from toolrun.context.trimming import trimmed
from toolrun.events import AssistantMessage, UserMessage
from toolrun.models.model import Request
from toolrun.transcript import ToolMessage
from toolrun.values import Usage

if TYPE_CHECKING:
    from toolrun.context.tally import Counts
    from toolrun.transcript import Message


def reply(text: str, reasoning: str = "", usage: Usage | None = None) -> AssistantMessage:
    return AssistantMessage(content=text, reasoning=reasoning, usage=usage or Usage())


def counting(head: int | None, message: int | None) -> Counts:
    """Counts so many tokens: of what has reasoning one more, where that goes out."""
    made = SimpleNamespace(
        head=lambda _: head,
        message=lambda said, _, reasoning: (
            None
            if message is None
            else message + (reasoning and bool(getattr(said, "reasoning", None)))
        ),
    )
    return cast("Counts", made)


def count(request: Request, counts: Counts | None = None) -> tuple[int, bool]:
    tally = tally_of(request)
    return tally.count(request, counts), tally.exact


def test_what_is_rendered_is_counted_exactly() -> None:
    request = Request("m", [UserMessage("a"), reply("b", "why"), UserMessage("c")])

    assert count(request, counting(10, 5)) == (26, True)


def test_what_cannot_be_rendered_is_estimated_from_its_bytes() -> None:
    request = Request("m", [UserMessage("a" * 360)], instructions="i" * 360)
    near, exact = count(request)

    assert not exact
    assert count(request, counting(None, None)) == (near, False)
    assert not count(request, counting(10, None))[1]
    assert not count(request, counting(None, 5))[1]
    assert 200 <= near - 150 <= 300


def test_a_nudge_counts() -> None:
    messages = [UserMessage("a")]
    plain, nudged = (Request("m", messages, nudge=each) for each in (None, "n" * 360))

    assert count(nudged, counting(10, 5))[0] - count(plain, counting(10, 5))[0] >= 100


def test_reasoning_that_goes_out_no_more_does_not_count() -> None:
    said: list[Message] = [UserMessage("a"), reply("b", "r" * 3_600), UserMessage("c")]
    kept, dropped = (Request("m", said, reasoning_from=at) for at in (0, 2))

    assert count(kept)[0] - count(dropped)[0] == 1_000


def test_reasoning_of_what_the_server_counted_is_taken_off() -> None:
    usage = Usage(prompt_tokens=100, completion_tokens=50, reasoning_tokens=30)
    said: list[Message] = [
        UserMessage("a"),
        reply("b"),
        reply("b", "r" * 60, usage),
        UserMessage("c"),
    ]
    kept, dropped = (Request("m", said, reasoning_from=at) for at in (0, 3))

    assert count(kept)[0] - count(dropped)[0] == 30
    assert count(kept, counting(1, 5))[0] - count(dropped, counting(1, 5))[0] == 1
    untold: list[Message] = [*said[:2], reply("b", "r" * 60, Usage(100, 50)), UserMessage("c")]
    kept, dropped = (Request("m", untold, reasoning_from=at) for at in (0, 3))
    assert count(kept)[0] - count(dropped)[0] == 10


def trim(request: Request, counts: Counts | None) -> tuple[list[int], int]:
    return trimmed(tally_of(request), request, counts, 1_000, start=0, target=0)


def test_trimming_saves_what_is_counted_or_what_is_near() -> None:
    result = ToolMessage("c", "look", "x" * 3_600)
    request = Request("m", [UserMessage("a"), result, UserMessage("c")], reasoning_from=2)

    chosen, near = trim(request, None)
    assert chosen == [1]
    assert near < 100
    assert trim(request, counting(10, None)) == (chosen, near)

    lengths: Any = SimpleNamespace(message=lambda said, *_, **__: len(said.content))
    chosen, left = trim(request, lengths)
    assert chosen == [1]
    assert left < 1_000 - 3_000
    # A line that is as long as what it stands for is worth nothing.
    assert trim(request, counting(10, 5)) == ([], 1_000)
