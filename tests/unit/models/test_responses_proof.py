"""Is reasoning found in the prompt of a response, by the server's tokens or by its counts?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest

from toolrun.errors import ServerError, ServerStatus
from toolrun.events import AssistantMessage
from toolrun.models.proof import ANALYSIS_HEADER, END, Proof
from toolrun.models.responses_proof import HEADER, Sent, prove_response
from toolrun.values import Usage

if TYPE_CHECKING:
    from toolrun.models.door import Door

TOKENS = [11, 12, 13]
STEP = AssistantMessage(None, "Hm.")
THOUGHT = {
    "role": "assistant",
    "channel": "analysis",
    "content": [{"type": "text", "text": "Hm."}, "odd"],
}
USER = {"role": "user", "name": "ann", "content": [{"type": "text", "text": "Hi."}]}
ANSWER = {"role": "assistant", "channel": "final", "content": "Hello."}
CALL = {"role": "assistant", "channel": "commentary", "content": []}


class Wire:
    """A server that renders a request, or cannot, and counts the tokens of a prompt."""

    base_url = "http://server/v1"
    root = "http://server"

    def __init__(self, rendered: list[int] | None = None, counted: int | None = None) -> None:
        self._rendered = rendered
        self._counted = counted
        self.asked: list[dict[str, Any]] = []

    async def post(self, path: str, body: bytes) -> bytes:
        if path.endswith("/tokenize"):
            return msgspec.json.encode({"tokens": TOKENS})
        if path.endswith("/render"):
            if self._rendered is None:
                raise ServerStatus("no such path", 404)
            return msgspec.json.encode({"token_ids": self._rendered})
        self.asked.append(msgspec.json.decode(body))
        usage = None if self._counted is None else {"input_tokens": self._counted}
        return msgspec.json.encode({"id": "r", "status": "completed", "output": [], "usage": usage})


async def prove(wire: Wire, prompt: int, *messages: Any) -> Proof:
    later = AssistantMessage("Hello.", usage=Usage(prompt, 1, prompt + 1))
    listed = msgspec.json.encode(messages) if messages else b""
    sent = Sent(b'{"model":"m","input":"x","stream":true}', listed)
    return await prove_response(cast("Door", wire), "m", STEP, later, sent)


@pytest.mark.parametrize(
    ("ids", "prompt", "found"),
    [
        ([1, *ANALYSIS_HEADER, *TOKENS, END], 1 + len(ANALYSIS_HEADER) + 4, True),
        ([1, *ANALYSIS_HEADER, *TOKENS, END], 99, False),  # not the prompt that was sampled from
        ([1, *TOKENS], 4, False),
    ],
)
async def test_a_rendered_prompt_is_looked_through(
    ids: list[int], prompt: int, *, found: bool
) -> None:
    proof = await prove(Wire(ids), prompt)
    assert (proof.found, proof.prompt_tokens, proof.tokens) == (found, len(ids), 3)
    assert (proof.position > 0) is (ANALYSIS_HEADER[0] in ids)


@pytest.mark.parametrize(
    ("messages", "more", "found"),
    [
        ([USER, THOUGHT, CALL], 3 + HEADER, True),
        ([USER, THOUGHT, CALL], 3, False),  # the count says otherwise
        ([USER, THOUGHT, ANSWER, USER], 3 + HEADER, False),  # an answer drops it
        ([USER, CALL], 3 + HEADER, False),
        ([USER, THOUGHT | {"content": "Hm."}], 3 + HEADER, False),
    ],
)
async def test_the_server_s_own_messages_and_counts(
    messages: list[Any], more: int, *, found: bool
) -> None:
    wire = Wire(counted=100)
    proof = await prove(wire, 100 + more, *messages)
    assert (proof.found, proof.position, proof.prompt_tokens) == (found, -1, 100 + more)


async def test_the_prompt_without_it_is_that_of_the_other_messages() -> None:
    wire = Wire(counted=100)
    await prove(wire, 109, USER, THOUGHT, CALL)
    [asked] = wire.asked
    user, call = asked["previous_input_messages"]
    assert user == {"author": {"role": "user", "name": "ann"}, "content": USER["content"]}
    assert call["channel"] == "commentary"
    assert (asked["model"], asked["stream"], asked["max_output_tokens"]) == ("m", False, 1)


async def test_a_server_that_does_not_count_proves_nothing() -> None:
    assert not (await prove(Wire(), 109, USER, THOUGHT)).found


async def test_a_server_that_says_nothing_of_its_prompt_is_an_error() -> None:
    with pytest.raises(ServerError, match="does not say what it made its prompt of"):
        await prove(Wire(), 9)
