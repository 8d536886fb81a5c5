"""Is the reasoning of a step in the prompt of a later one that was sampled over Responses?

vLLM gives no token ids over Responses. It does give the messages that it makes the prompt of
(`enable_response_messages`), and it counts the tokens of the prompt. So the proof has two parts:
the server's own list holds the reasoning as a message of the analysis channel that nothing after it
drops, and without that one item the same request has fewer tokens, by exactly those of the
reasoning and of its header. Where the server can render a request (`/v1/responses/render`, vLLM's
scale-out entry points), its token ids are the proof, as over Chat Completions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from toolrun.errors import ServerError
from toolrun.models.proof import Proof, find_analysis, tokenize
from toolrun.models.responses_reply import decoded, read_response

if TYPE_CHECKING:
    from toolrun.events import AssistantMessage
    from toolrun.models.door import Door

PATH = "/responses"
HEADER = 6
"""Tokens around a text of the analysis channel: <|start|> assistant <|channel|> analysis
<|message|> and <|end|>."""


class Sent(Struct, frozen=True, eq=False):
    """A request that was sampled, so that it can be asked about.

    Attributes:
        body: says the whole conversation, whatever was sent in its place.
        messages: those that the server made its prompt of, as JSON.
    """

    body: bytes
    messages: bytes


class _Rendered(Struct):
    token_ids: list[int]


class _Content(Struct):
    text: str | None = None


class _HarmonyMessage(Struct):
    role: str | None = None
    channel: str | None = None
    content: list[_Content] = []

    @property
    def text(self) -> str:
        return "".join(content.text or "" for content in self.content)


_decode_rendered = msgspec.json.Decoder(_Rendered)
_decode_messages = msgspec.json.Decoder(list[_HarmonyMessage])
_decode_body = msgspec.json.Decoder(dict[str, Any])


async def prove_response(
    door: Door, model: str, step: AssistantMessage, later: AssistantMessage, sent: Sent
) -> Proof:
    """Look for the reasoning of a step in the prompt of a later step of the same turn.

    Raises:
        ServerError: the server cannot tokenize, or says nothing of its prompts.
    """
    reasoning = step.reasoning or ""
    wanted = await tokenize(door, model, reasoning)
    if (ids := await _rendered(door, sent.body)) is not None:
        at = find_analysis(ids, wanted)
        return Proof(
            found=bool(wanted) and at >= 0 and len(ids) == later.usage.prompt_tokens,
            position=at,
            tokens=len(wanted),
            prompt_tokens=len(ids),
            excerpt=reasoning,
            how="the token ids that the server renders of the same request, as many as it sampled "
            "from, against its own tokenization of the reasoning",
        )
    if not sent.messages:
        raise ServerError(f"{door.base_url} does not say what it made its prompt of; vLLM does")
    less = await _tokens_without(door, sent.body, reasoning)
    return Proof(
        found=bool(wanted)
        and _stands(sent.messages, reasoning)
        and less is not None
        and later.usage.prompt_tokens - less == len(wanted) + HEADER,
        position=-1,
        tokens=len(wanted),
        prompt_tokens=later.usage.prompt_tokens,
        excerpt=reasoning,
        how="the server's own messages of the prompt, and its count of tokens with the reasoning "
        "and without it",
    )


def _stands(messages: bytes, reasoning: str) -> bool:
    """Whether a reasoning is a message of the prompt, and no answer after it drops it."""
    prompt = decoded(_decode_messages, messages)
    for message in reversed(prompt):
        if message.role != "assistant":
            continue
        if message.channel == "final":
            return False
        if message.channel == "analysis" and message.text == reasoning:
            return True
    return False


async def _rendered(door: Door, body: bytes) -> list[int] | None:
    """The prompt of a request as the server renders it; None where it can't."""
    try:
        reply = await door.post(f"{PATH}/render", body)
    except ServerError:
        return None
    return decoded(_decode_rendered, reply).token_ids


async def _tokens_without(door: Door, body: bytes, reasoning: str) -> int | None:
    """How many tokens the prompt of a request has without a reasoning; None: it holds none."""
    request = decoded(_decode_body, body)
    for name in ("input", "previous_input_messages"):
        items: Any = request.get(name)
        held = [at for at, item in enumerate(items) if _holds(item, reasoning)] if items else []
        if held:
            request[name] = [item for at, item in enumerate(items) if at != held[-1]]
            break
    else:
        return None
    request |= {"max_output_tokens": 1, "stream": False, "text": None}
    usage = read_response(await door.post(PATH, msgspec.json.encode(request))).usage
    return usage.input_tokens if usage is not None else None


def _holds(item: Any, reasoning: str) -> bool:
    """Whether an item, or a harmony message, is a reasoning."""
    if not isinstance(item, dict):
        return False
    if item.get("type") == "reasoning":
        return bool(item["content"][0]["text"] == reasoning)
    return bool(item.get("channel") == "analysis" and item.get("content") == reasoning)
