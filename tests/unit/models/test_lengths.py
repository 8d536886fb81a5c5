"""Is it known how much a server takes, and is its refusal understood?"""

from __future__ import annotations

from typing import Any

import pytest

from toolrun.errors import ContextTooLong, ServerStatus, ServerUnreachable
from toolrun.models import dialects, faults
from toolrun.models.chat_reply import error_of
from toolrun.models.door import Page
from toolrun.models.door_errors import DoorErrors
from toolrun.models.lengths import Lengths

REFUSALS = {
    "vLLM 0.28.0 and 0.32.0, Chat": (
        "Input length (9068) exceeds model's maximum context length (8192).",
        (9068, 8192),
    ),
    "vLLM 0.32.0, Responses": (
        (
            "This model's maximum context length is 8192 tokens. However, your prompt "
            "contains 9068 input tokens, which exceeds this limit even without any output tokens. "
            "Please reduce the length of the input prompt. (parameter=input_tokens, value=9068)"
        ),
        (9068, 8192),
    ),
    "vLLM 0.28.0, Responses": (
        "The engine prompt length 9068 exceeds the max_model_len 8192. Please reduce prompt.",
        (9068, 8192),
    ),
    "vLLM 0.28.0, Completions": (
        (
            "This model's maximum context length is 8192 tokens. However, you requested 10 output "
            "tokens and your prompt contains 9000 input tokens, for a total of 9010 tokens."
        ),
        (9000, 8192),
    ),
    "older vLLM": (
        "The decoder prompt (length 9068) is longer than the maximum model length of 8192.",
        (9068, 8192),
    ),
    "llama.cpp": (
        "request (4476 tokens) exceeds the available context size (4096 tokens), try increasing it",
        (4476, 4096),
    ),
    "without numbers": ("ContextWindowExceededError: too long", (None, None)),
}


@pytest.mark.parametrize(("text", "numbers"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_has_its_numbers(text: str, numbers: Any) -> None:
    assert faults.context_fault(text) == numbers
    body = b'{"error":{"message":"%s","code":400}}' % text.encode()
    found = DoorErrors("http://x/v1", 1.0, keyed=False).status(
        400, {"content-type": "application/json"}, body
    )
    assert isinstance(found, ContextTooLong)
    assert (found.tokens, found.length) == numbers
    inside = error_of(b'{"message":"%s","code":400}' % text.encode())
    assert isinstance(inside, ContextTooLong)


@pytest.mark.parametrize("status", [400, 500])
def test_other_refusals_are_what_they_were(status: int) -> None:
    body = b'{"error":{"message":"temperature must be non-negative","code":400}}'
    errors = DoorErrors("http://x/v1", 1.0, keyed=False)
    found = errors.status(status, {"content-type": "application/json"}, body)
    assert isinstance(found, ServerStatus)


class Asked:
    """A door whose server gives these bodies by path."""

    base_url, root = "http://x/v1", "http://x"

    def __init__(self, pages: dict[str, bytes | None]) -> None:
        self.pages = pages
        self.asked: list[str] = []

    async def look(self, path: str, wait: float) -> Page:
        del wait
        self.asked.append(path)
        if (body := self.pages.get(path, b"")) is None:
            raise ServerUnreachable("gone")
        return Page(200 if body else 404, {}, body)


@pytest.mark.parametrize(
    ("dialect", "path", "body", "length"),
    [
        (dialects.vllm("0.32.0"), "http://x/v1/models",
         b'{"data":[{"id":"other","max_model_len":1},{"id":"m","max_model_len":8192}]}', 8192),
        (dialects.lm_studio(), "http://x/api/v0/models",
         b'{"data":[{"id":"m","max_context_length":131072,"loaded_context_length":4096}]}', 4096),
        (dialects.llama_cpp(), "http://x/props",
         b'{"default_generation_settings":{"n_ctx":16384}}', 16384),
        (dialects.ollama(), "http://x/api/ps",
         b'{"models":[{"name":"m","context_length":32768}]}', 32768),
        (dialects.GENERIC, "http://x/v1/models", b'{"data":[{"id":"m"}]}', None),
        (dialects.GENERIC, "http://x/v1/models", b"<html>", None),
        (None, "http://x/v1/models", None, None),
    ],
)  # fmt: skip
async def test_each_server_is_asked_in_its_way(
    dialect: Any, path: str, body: bytes | None, length: int | None
) -> None:
    door = Asked({path: body})
    lengths = Lengths(door)  # type: ignore[arg-type]
    assert await lengths.of("m", dialect) == length
    assert await lengths.of("m", dialect) == length
    assert door.asked == [path]  # once, whether it knew or not
