"""Is the reasoning of a step in the prompt of the next? Read from the ids that were sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolrun.errors import ServerError
from toolrun.models.harmony.guard import guarded
from toolrun.models.harmony.tokens import END
from toolrun.models.proof import ANALYSIS_HEADER, Proof

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolrun.events import AssistantMessage
    from toolrun.models.harmony.vocabulary import Encoding

_HOW = "the ids that were sent as the prompt: the messages of the analysis channel in them"


def prove(encoding: Encoding, step: AssistantMessage, later: AssistantMessage) -> Proof:
    """Look for the reasoning of a step in the prompt of the next one of the same turn.

    Raises:
        ServerError: the later step was not sampled directly, or of ids that are no tokens.
    """
    rendered = later.rendered_token_ids
    if rendered is None:
        raise ServerError("the step was not sampled directly: its prompt is not known")
    sampled: tuple[int, ...] = ()
    if step.token_ids is not None and step.rendered_token_ids is not None:
        # What the later prompt has of it: it goes on from the earlier one's prompt.
        sampled = step.token_ids[: max(0, later.continues - step.usage.prompt_tokens)]
    ids = (*sampled, *rendered)
    begin = later.continues - len(sampled)
    at, end = _place(encoding, ids, len(sampled), step.reasoning or "")
    shown = ids[max(0, at - 8) : end + 12] if at >= 0 else ids[-48:]
    return Proof(
        found=at >= 0,
        position=begin + at if at >= 0 else -1,
        tokens=end - at if at >= 0 else len(_encoded(encoding, step)),
        prompt_tokens=later.continues + len(rendered),
        excerpt=_text(encoding, shown),
        how=_HOW,
    )


def _encoded(encoding: Encoding, step: AssistantMessage) -> list[int]:
    return list(encoding.encode(step.reasoning or "", disallowed_special=()))


def _text(encoding: Encoding, ids: Sequence[int]) -> str:
    with guarded("the prompt cannot be read"):
        return str(encoding.decode(ids))


def _place(encoding: Encoding, ids: Sequence[int], sampled: int, reasoning: str) -> tuple[int, int]:
    """Where the reasoning begins and ends; -1 and -1: it is not there.

    What was sampled may hold it in several messages, what was rendered holds it in one.
    """
    found = list(_analysis(ids))
    texts = [_text(encoding, ids[begin:end]) for begin, end in found]
    if reasoning in texts:
        return found[texts.index(reasoning)]
    own = [text for (_, end), text in zip(found, texts, strict=True) if end < sampled and text]
    if reasoning and own and "\n".join(own) == reasoning:
        return found[0][0], found[len(own) - 1][1]
    return -1, -1


def _analysis(ids: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The beginnings and ends of the texts of the analysis channel that are no calls."""
    size = len(ANALYSIS_HEADER)
    last = max((at for at, token in enumerate(ids) if token == END), default=-1)
    for at in range(last - size + 1):
        if tuple(ids[at : at + size]) == ANALYSIS_HEADER:
            yield at + size, ids.index(END, at + size)
