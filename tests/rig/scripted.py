"""How does the model say what a test wants? A logits processor that leaves one token at a time.

vLLM loads it through its own plug point (`--logits-processors tests.rig.scripted:Scripted`), so
scheduler, sampler, detokenizer, harmony parser, tool parser and streaming are the real ones. A
request is scripted by
- `vllm_xargs: {"harmony": TEXT | [TEXT, ...]}`: the texts themselves, one for each step (a string
  that begins with `[` is the list as JSON);
- `vllm_xargs: {"script": NAME}`: a script of `scripts.py`;
- a marker `[[script:NAME]]` in a user message, the last one that has any.
A request with none of them is sampled freely, which is noise.

The engine, and the server with it, dies of an exception in here: nothing is raised, ever. What
goes wrong is logged and is what the model says.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from openai_harmony import HarmonyEncodingName, load_harmony_encoding
from vllm.v1.sample.logits_processor import LogitsProcessor, MoveDirectionality

from tests.rig.scripts import MARKER, SCRIPTS, Script, final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import torch
    from vllm.config import VllmConfig
    from vllm.sampling_params import SamplingParams
    from vllm.v1.sample.logits_processor import BatchUpdate

_RETURN, _CHANNEL, _START, _END, _MESSAGE = 200_002, 200_005, 200_006, 200_007, 200_008
_REMEMBERED_PROMPTS: Final = 10_000
_TOOLS: Final = ("functions.", "python", "browser.")

_log = logging.getLogger("vllm.scripted")


@dataclass(frozen=True, slots=True)
class _Request:
    tokens: list[int]
    sampled: Sequence[int]  # vLLM's own list, which grows

    def next_token(self) -> int:
        position = len(self.sampled)
        return self.tokens[position] if position < len(self.tokens) else _RETURN


class Scripted(LogitsProcessor):  # type: ignore[misc]  # vLLM isn't in the environment of mypy
    """Forces each scripted request of a batch to its text."""

    def __init__(self, vllm_config: VllmConfig, device: torch.device, is_pin_memory: bool) -> None:  # noqa: FBT001
        self._harmony = load_harmony_encoding(HarmonyEncodingName.HARMONY_GPT_OSS)
        self._requests: dict[int, _Request] = {}
        self._sampled_before: Counter[tuple[int, ...]] = Counter()

    def is_argmax_invariant(self) -> bool:
        """Tell vLLM that greedy sampling must not skip this processor."""
        return False

    def update_state(self, batch_update: BatchUpdate | None) -> None:
        """Follow the requests as they enter, leave and move in the batch."""
        if batch_update is None:
            return
        for index in batch_update.removed:
            self._requests.pop(index, None)
        for index, params, prompt, sampled in batch_update.added:
            tokens = self._tokens(params, prompt or [])
            self._requests.pop(index, None)
            if tokens is not None:
                self._requests[index] = _Request(tokens, sampled)
        for source, target, direction in batch_update.moved:
            moved, replaced = self._requests.pop(source, None), self._requests.pop(target, None)
            if moved is not None:
                self._requests[target] = moved
            if replaced is not None and direction == MoveDirectionality.SWAP:
                self._requests[source] = replaced

    def apply(self, logits: torch.Tensor) -> torch.Tensor:
        """Leave each scripted request only the next token of its text."""
        for index, request in self._requests.items():
            try:
                token = request.next_token()
                logits[index] = float("-inf")
                logits[index, token] = 0.0
            except Exception:  # noqa: BLE001 - see above
                _log.exception("row %d of %s could not be scripted", index, tuple(logits.shape))
        return logits

    def _tokens(self, params: SamplingParams, prompt: list[int]) -> list[int] | None:
        try:
            messages = list(self._messages(prompt))
            script = _script(params.extra_args or {}, messages)
            if script is None:
                return None
            step = script[min(_steps_since_user(messages), len(script) - 1)]
            if not isinstance(step, str):
                step = step[min(self._seen_before(prompt), len(step) - 1)]
            return self._encode(step)
        except Exception as error:  # noqa: BLE001 - see above
            _log.exception("a request could not be scripted")
            return self._encode(final(f"The script failed: {error!r}"))

    def _encode(self, text: str) -> list[int]:
        return list(self._harmony.encode(text, allowed_special="all"))

    def _seen_before(self, prompt: list[int]) -> int:
        if len(self._sampled_before) >= _REMEMBERED_PROMPTS:
            self._sampled_before.clear()
        key = tuple(prompt)
        self._sampled_before[key] += 1
        return self._sampled_before[key] - 1

    def _messages(self, prompt: list[int]) -> Iterator[tuple[str, str]]:
        """Cut a prompt into (author, content).

        By token ids, not by text: content that spells a special token is no message.
        """
        starts = [at for at, token in enumerate(prompt) if token == _START]
        for begin, end in zip(starts, [*starts[1:], len(prompt)], strict=True):
            message = prompt[begin + 1 : end]
            if _MESSAGE not in message:
                continue  # the header that the model is to complete
            body = message.index(_MESSAGE)
            header = message[:body]
            if _CHANNEL in header:
                header = header[: header.index(_CHANNEL)]
            content = [token for token in message[body + 1 :] if token != _END]
            yield self._harmony.decode(header), self._harmony.decode(content)


def _script(extra: Mapping[str, Any], messages: list[tuple[str, str]]) -> Script | None:
    if "harmony" in extra:
        inline = extra["harmony"]
        if isinstance(inline, str) and inline.startswith("["):
            inline = json.loads(inline)
        return (inline,) if isinstance(inline, str) else tuple(inline)
    names = [name for author, text in messages if author == "user" for name in MARKER.findall(text)]
    name = extra.get("script", names[-1] if names else None)
    if name is None:
        return None
    return SCRIPTS.get(name, (final(f"There is no script {name!r}."),))


def _steps_since_user(messages: list[tuple[str, str]]) -> int:
    """Count the steps since the last user message that has a marker, else since the last one.

    A step ends in a tool result, or in a user message that follows the marked one. Both harmony
    libraries begin a result's header with the tool: `functions.NAME`, `python`, `browser.NAME`.
    """
    asked = [(at, text) for at, (author, text) in enumerate(messages) if author == "user"]
    marked = [at for at, text in asked if MARKER.search(text)]
    since = (marked or [at for at, _ in asked] or [0])[-1]
    later = [author for author, _ in messages[since + 1 :]]
    return sum(author == "user" or author.startswith(_TOOLS) for author in later)
