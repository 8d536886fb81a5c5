"""Which messages can no turn use, whatever tools it has?

A message that was cut off by `max_tokens` is never one of them: it ends a turn as limited. (vLLM
leaks half a header into the content when it is cut off within one.)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from toolrun.errors import MalformedOutput

if TYPE_CHECKING:
    from toolrun.events import AssistantMessage

MAX_CALLS = 256
"""Calls of one message. gpt-oss makes one: its sampling stops at `<|call|>`."""
MAX_CALL = 1024 * 1024
"""Characters of one call's name or arguments: more than fit into gpt-oss's 131,072 tokens."""
PARSER_FLAGS = "--tool-call-parser openai --enable-auto-tool-choice"
"""What a vLLM must be started with, for calls to be calls."""

_ROLE = r"(?:assistant|user|system|developer|tool|functions\.|python|browser)"
_CHANNEL = r"(?:analysis|commentary|final)\b"
_HEADER_BEGINS = re.compile(
    rf"\s*(?:<\|start\|>{_ROLE}|<\|channel\|>{_CHANNEL}|<\|constrain\|>\w|<\|message\|>\S"
    r"|<\|return\|>\Z)"
)
_HEADER = re.compile(
    rf"(?:<\|start\|>{_ROLE}|<\|channel\|>{_CHANNEL}|<\|constrain\|>\w)[^<\n]{{0,200}}"
    r"<\|(?:channel|constrain|message)\|>"
)
_STOP = re.compile(r"[^\s`'\"(]<\|(?:call|return|end)\|>\s*\Z")
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
_HEADER_FAULT = re.compile(
    r"HarmonyError|tokens remaining in message header|while expecting start token|Unknown role: "
    r"|no channel value found in header|waiting for message header",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(
    r"maximum context length|exceeds the max_model_len|maximum model length"
    r"|exceeds the available context size|context_length_exceeded|ContextWindowExceeded",
    re.IGNORECASE,
)
_PROMPT_TOKENS = re.compile(
    r"input length \((\d+)\)|prompt length (\d+)|contains (\d+) input tokens|\(length (\d+)\)"
    r"|\((\d+) in the messages|n_prompt_tokens\D{1,4}(\d+)|request \((\d+) tokens\)",
    re.IGNORECASE,
)
_CONTEXT_LENGTH = re.compile(
    r"context length \((\d+)\)|max_model_len (\d+)|context length is (\d+)"
    r"|model length of (\d+)|context size \((\d+)|n_ctx\D{1,4}(\d+)",
    re.IGNORECASE,
)
_CALL_FAULT = re.compile(
    r"error parsing tool call|output that does not match the expected \S+ format", re.IGNORECASE
)


def check(message: AssistantMessage) -> None:
    """Refuse a message that no turn can use, so that its step is sampled again.

    What is wrong with a call's name or arguments is the toolbox's to say.

    Raises:
        MalformedOutput: its `code` says what is wrong.
    """
    if message.finish_reason == "length":
        return
    if message.finish_reason in ("abort", "error"):
        raise MalformedOutput(
            f"the server gave its reply up (finish_reason {message.finish_reason})", "broken-stream"
        )
    if message.tool_calls:
        _check_calls(message)
    elif message.finish_reason == "tool_calls":
        raise MalformedOutput(
            "the reply ends in tool calls (its finish_reason) and holds none: the server's parser "
            "lost them",
            "garbled-call",
        )
    elif message.content is None or not message.content.strip():
        raise _nothing(message)
    if message.content is not None and "<|" in message.content and has_markup(message.content):
        raise MalformedOutput(
            "the content holds harmony markup, which the server's parser should have taken for "
            f"headers: {message.content[:200]!r}",
            "markup",
        )


def has_markup(content: str) -> bool:
    """Whether a text holds harmony headers that are leaked, and not talked about.

    Leaked are: a header, or the beginning of one, at the start of the text (`<|channel|>final`,
    `<|start|>assistant`, `<|message|>Hello`); a header from its role, channel or type on up to the
    next marker anywhere else (`<|channel|>commentary to=functions.f <|constrain|>`); a stop token
    right after the last word (`…}<|call|>`), and `<|return|>` for all there is (which vLLM 0.28.0
    and 0.32.0 make of a message that ends before it begins). Talked about, and left alone, is what
    stands in code (between backticks), and markers by themselves: "a message ends with <|end|>". In
    doubt a text is an answer.
    """
    if "<|" not in content:
        return False
    if _HEADER_BEGINS.match(content):
        return True
    prose = _CODE.sub("`", content)
    return _HEADER.search(prose) is not None or _STOP.search(prose) is not None


def is_header_fault(text: str) -> bool:
    """Whether a server's error says that the model wrote a harmony header that it can't parse.

    Seen are "unexpected tokens remaining in message header: …" (#23567, #51977), "Unknown role: …",
    "Unexpected token 200005 while expecting start token 200006" (vLLM 0.28.0), "channel marker
    present but no channel value found in header", "Unexpected EOS while waiting for message header
    to complete" (openai/harmony #33); under status 500, some under 400.
    """
    return _HEADER_FAULT.search(text) is not None


def context_fault(text: str) -> tuple[int | None, int | None] | None:
    """What a server's error says of a prompt that is too long: its tokens, and the context's.

    None where it says nothing of the kind; a number is None where it does not say that one. Seen
    are, of vLLM 0.28.0 and 0.32.0, "Input length (9068) exceeds model's maximum context length
    (8192)." (Chat), "The engine prompt length 9068 exceeds the max_model_len 8192." (Responses of
    0.28), "This model's maximum context length is 8192 tokens. However, your prompt contains 9068
    input tokens, ..." (Responses of 0.32), "... you requested 10 output tokens and your prompt
    contains 9000 input tokens, ..." (Completions). Read from its older source: "The decoder prompt
    (length 9068) is longer than the maximum model length of 8192." Of llama.cpp: "the request
    exceeds the available context size" (tools/server, `exceed_context_size_error`).
    """
    if _TOO_LONG.search(text) is None:
        return None
    found = _PROMPT_TOKENS.search(text), _CONTEXT_LENGTH.search(text)
    tokens, length = (int(next(filter(None, each.groups()))) if each else None for each in found)
    return tokens, length


def is_call_fault(text: str) -> bool:
    """Whether a server's error says that the model wrote a call that it can't parse.

    Ollama answers 500 with "error parsing tool call: raw='...', err=..." (ollama #12884, #17638),
    llama.cpp with "The model produced output that does not match the expected peg-native format".
    """
    return _CALL_FAULT.search(text) is not None


def _check_calls(message: AssistantMessage) -> None:
    if len(message.tool_calls) > MAX_CALLS:
        raise too_many_calls()
    for call in message.tool_calls:
        if len(call.arguments) > MAX_CALL or len(call.name) > MAX_CALL:
            raise call_too_long()


def too_many_calls() -> MalformedOutput:
    """The error of a message with more calls than any model means."""
    return MalformedOutput(f"the reply has more than {MAX_CALLS} calls", "too-many-calls")


def call_too_long() -> MalformedOutput:
    """The error of a call that is longer than any model's context."""
    return MalformedOutput(f"a call has more than {MAX_CALL} characters", "call-too-long")


def _nothing(message: AssistantMessage) -> MalformedOutput:
    if message.reasoning is not None and message.reasoning.strip():
        return MalformedOutput(
            "the reply has reasoning, and neither an answer nor a call", "analysis-only"
        )
    return MalformedOutput("the reply has neither an answer nor a call", "nothing-said")
