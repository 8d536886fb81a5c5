"""Is the reasoning of a step in the prompt of a later one that was sampled over Responses?

vLLM gives no token ids over Responses. It does give the messages that it makes the prompt of
(`enable_response_messages`), and it counts the tokens of the prompt. So the proof has two parts:
the server's own list holds the reasoning as a message of the analysis channel that nothing after it
drops, and the same messages without it have fewer tokens, by exactly those of the reasoning and of
its header. Where the server can render a request (`/v1/responses/render`, vLLM's
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


_decode_rendered = msgspec.json.Decoder(_Rendered)
_decode_messages = msgspec.json.Decoder(list[dict[str, Any]])
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
    messages = decoded(_decode_messages, sent.messages)
    less = await _tokens_without(door, sent.body, messages, reasoning)
    return Proof(
        found=bool(wanted)
        and _stands(messages, reasoning)
        and less is not None
        and later.usage.prompt_tokens - less == len(wanted) + HEADER,
        position=-1,
        tokens=len(wanted),
        prompt_tokens=later.usage.prompt_tokens,
        excerpt=reasoning,
        how="the server's own messages of the prompt, and its count of tokens with the reasoning "
        "and without it",
    )


def _stands(messages: list[dict[str, Any]], reasoning: str) -> bool:
    """Whether a reasoning is a message of the prompt, and no answer after it drops it."""
    for message in reversed(messages):
        if message.get("role") != "assistant":
            continue
        if message.get("channel") == "final":
            return False
        if _is_analysis(message, reasoning):
            return True
    return False


async def _rendered(door: Door, body: bytes) -> list[int] | None:
    """The prompt of a request as the server renders it; None where it can't."""
    try:
        reply = await door.post(f"{PATH}/render", body)
    except ServerError:
        return None
    return decoded(_decode_rendered, reply).token_ids


async def _tokens_without(
    door: Door, body: bytes, messages: list[dict[str, Any]], reasoning: str
) -> int | None:
    """How many tokens a prompt has without a reasoning; None: it holds none.

    The other messages are the server's own, so that nothing but the reasoning is left out.
    """
    held = [at for at, message in enumerate(messages) if _is_analysis(message, reasoning)]
    if not held:
        return None
    kept = [message for at, message in enumerate(messages) if at != held[-1]]
    request = decoded(_decode_body, body)
    request |= {
        "previous_input_messages": [_authored(message) for message in kept],
        "input": "",
        "max_output_tokens": 1,
        "stream": False,
        "text": None,
    }
    usage = read_response(await door.post(PATH, msgspec.json.encode(request))).usage
    return usage.input_tokens if usage is not None else None


def _authored(message: dict[str, Any]) -> dict[str, Any]:
    """A message that vLLM gave, in the form in which it takes it."""
    author = {name: message[name] for name in ("role", "name") if message.get(name)}
    return {name: value for name, value in message.items() if name not in author} | {
        "author": author
    }


def _is_analysis(message: dict[str, Any], text: str) -> bool:
    return message.get("channel") == "analysis" and _text(message) == text


def _text(message: dict[str, Any]) -> str:
    parts = message.get("content")
    if not isinstance(parts, list):
        return ""
    return "".join(str(part.get("text")) for part in parts if isinstance(part, dict))
