"""Is another's reply the runtime's? Greedy replies, compared token by token.

They are compared up to the first token that differs; that one is

- a tie, where the runtime tells the two tokens apart by no more than a bfloat16 of that size does:
  its last place, which is what a logit of bfloat16 is rounded to;
- not sayable, where the runtime does not compare it: it says learned tokens and copies alone;
- else a difference, which none may be.

The runtime reckons in float32; `parity` shows that transformers does so to the same numbers.
"""

from __future__ import annotations

import json
import math
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tests.rig.nano.conversations import Writer
from tests.rig.nano.spelling import encoding
from tests.rig.versions import NANO
from toolrun.models.harmony.tokens import CALL, RETURN
from toolrun.models.nano.run import Run
from toolrun.values import Sampling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from toolrun.models.nano.run import Voice

SEED = 77
"""Of the prompts; no training has it."""
_LONGEST = 120
_ENDS = (CALL, RETURN)
_REQUEST_S = 600.0
_AT_ONCE = 8
SAME, TIE, UNSAYABLE, OTHER = "the same", "a tie", "not sayable", "a difference"


class Reply:
    """What the runtime says after a prompt.

    Attributes:
        prompt: its tokens.
        said: the tokens of the reply.
        rows: what is compared with tokens' vectors at each of them.
    """

    def __init__(self, voice: Voice, prompt: list[int]) -> None:
        run = Run(voice, prompt, _ENDS, Sampling(max_tokens=_LONGEST))
        while run.reason is None:
            run.advance(_LONGEST)
        self.prompt, self.said = prompt, run.said
        self._voice = voice
        ids = [*prompt, *self.said[:-1]]
        vectors = voice.words.vectors(ids) * np.float32(voice.weights.embed_scale)
        self.rows = voice.body.read(vectors, voice.body.cache())[-len(self.said) :]

    def scores(self, at: int, tokens: Sequence[int]) -> NDArray[np.float32]:
        """The logits of some tokens, as what was said at that place."""
        vectors = self._voice.words.vectors(tokens) * np.float32(self._voice.weights.head_scale)
        found: NDArray[np.float32] = vectors @ self.rows[at]
        return found

    def verdict(self, other: Sequence[int]) -> tuple[str, str]:
        """What another's reply is to this one, and where it departs."""
        pairs = enumerate(zip(self.said, other, strict=False))
        at = next((place for place, (ours, theirs) in pairs if ours != theirs), None)
        if at is None:
            return SAME, ""
        two = [self.said[at], other[at]]
        ours, theirs = map(float, self.scores(at, two))
        place = last_place(max(ours, theirs))
        kind = TIE if abs(theirs - ours) <= place else OTHER
        if not self._sayable(other[at]):
            kind = UNSAYABLE
        texts = [encoding().decode([token]) for token in two]
        return kind, (
            f"{kind}: token {at + 1} is {texts[0]!r} or {texts[1]!r}: {ours:.4f} and {theirs:.4f} "
            f"in float32, and bfloat16 rounds to {place}"
        )

    def _sayable(self, token: int) -> bool:
        words = self._voice.words
        return token in words.learned or token in words.sayable(self.prompt)


@dataclass
class Compared:
    """The replies of another beside the runtime's.

    Attributes:
        kinds: how many came to what.
        apart: how far logits were from the runtime's.
        told: where replies depart.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    apart: list[float] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def note(self, reply: Reply, other: Sequence[int]) -> None:
        """Count a reply."""
        kind, told = reply.verdict(other)
        self.kinds[kind] += 1
        self.told += [told] * bool(told)

    def lines(self, name: str) -> list[str]:
        """What is printed of it."""
        parts = ", ".join(f"{count} {kind}" for kind, count in self.kinds.most_common())
        far = np.array(self.apart)
        mean, most = far.mean(), np.quantile(far, 0.99)
        logits = f"logits differ by {mean:.5f} on average, 99 of 100 by {most:.5f} at most"
        head = f"{name}: of {self.kinds.total()} replies {parts}; {logits}"
        return [head, *(f"  {line}" for line in self.told)]


def last_place(size: float) -> float:
    """The distance between two bfloat16 of a size: it has eight digits."""
    return 2.0 ** (math.frexp(abs(size))[1] - 8)


def prompts(count: int) -> list[list[int]]:
    """Prompts of made-up conversations that no training had."""
    writer, r = Writer(), Random(SEED)
    found: list[list[int]] = []
    while len(found) < count:
        found += [sample.prompt for sample in writer.samples(r)[:1]]
    return found


class Said(NamedTuple):
    """A server's reply, and at each of its tokens the log probabilities of the likeliest."""

    tokens: list[int]
    likely: list[dict[int, float]]


def sampled(root: str, prompt: list[int]) -> Said:
    """The greedy reply of a server that serves the embedded model, by its root URL."""
    body = {
        "model": NANO,
        "prompt": prompt,
        "temperature": 0,
        "max_tokens": _LONGEST,
        "stop_token_ids": _ENDS,
        "logprobs": 5,
        "return_token_ids": True,
        "return_tokens_as_token_ids": True,
    }
    request = urllib.request.Request(
        f"{root}/v1/completions",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=_REQUEST_S) as answer:
        choice = json.load(answer)["choices"][0]
    likely = [
        {int(name.removeprefix("token_id:")): chance for name, chance in each.items()}
        for each in choice["logprobs"]["top_logprobs"]
    ]
    return Said(choice["token_ids"], likely)


def beside(root: str, replies: Sequence[Reply]) -> Compared:
    """A server's replies to the same prompts."""
    found = Compared()
    with ThreadPoolExecutor(_AT_ONCE) as at_once:
        all_said = list(at_once.map(lambda reply: sampled(root, reply.prompt), replies))
    for reply, said in zip(replies, all_said, strict=True):
        found.note(reply, said.tokens)
        for at, likely in enumerate(said.likely):
            if said.tokens[:at] != reply.said[:at] or at >= len(reply.said):
                break
            found.apart += _apart(reply.scores(at, list(likely)), np.array(list(likely.values())))
    return found


def _apart(scores: NDArray[np.float32], chances: NDArray[np.float64]) -> list[float]:
    """How far logits are apart where they are known but for a number that all have in common."""
    found: list[float] = np.abs((scores - scores.mean()) - (chances - chances.mean())).tolist()
    return found
