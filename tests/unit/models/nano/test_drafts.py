"""Do guesses change nothing of what is said, and are they worth something?"""

from __future__ import annotations

import json
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import msgspec
import numpy as np
import pytest

from tests.unit.models.nano import small
from toolrun.models.nano import drafts
from toolrun.models.nano.body import FEW
from toolrun.models.nano.drafts import Drafts
from toolrun.models.nano.run import Run
from toolrun.models.nano.sampler import NanoSampler
from toolrun.values import Sampling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.models.nano.run import Voice

PROMPT = [20, 45, 7, 9, 200_006, 3005, 12, 100, 101, 102]
MOST = 60


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Voice:
    return NanoSampler(small.write(tmp_path_factory.mktemp("nano") / "small.safetensors")).voice()


def _run(voice: Voice, **sampling: float) -> Run:
    chosen: Any = {"max_tokens": MOST, **sampling}
    run = Run(voice, PROMPT, (), Sampling(**chosen), logprobs=True)
    while run.reason is None:
        assert len(run.advance(4)) <= 4
    return run


def _guessing(voice: Voice, guesses: Sequence[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Guess what is handed in, from where the step is; at most as long as may be asked for."""

    heard, said = Drafts.heard, WeakKeyDictionary[Drafts, int]()

    def count(self: Drafts, token: int) -> None:
        said[self] = said.get(self, 0) + 1
        heard(self, token)

    def guess(self: Drafts, most: int) -> list[int]:
        assert most < FEW
        at = said.get(self, 0)
        return list(guesses[at : at + min(most, 7)])

    monkeypatch.setattr(Drafts, "heard", count)
    monkeypatch.setattr(Drafts, "guess", guess)


def _plain(voice: Voice, **sampling: float) -> Run:
    key = json.dumps(sampling, sort_keys=True)  # several tests compare with the same
    if (found := _said_plainly.get(key)) is None:
        unguessed = msgspec.structs.replace(voice, usual=None)
        found = _said_plainly[key] = _run(unguessed, **sampling)
    return found


_said_plainly: dict[str, Run] = {}


@pytest.mark.parametrize("heat", [{}, {"temperature": 2.0, "seed": 4}, {"temperature": 9.0}])
@pytest.mark.parametrize("wrong", [0, 1, 2, 3, 5, 100])
def test_guesses_right_and_wrong_change_nothing(
    voice: Voice, monkeypatch: pytest.MonkeyPatch, wrong: int, heat: dict[str, float]
) -> None:
    heat = {"seed": 1, **heat}
    plain = _plain(voice, **heat)
    guesses = [
        one if wrong == 0 or place % wrong else 5 * (one // 5 % 700) + 5
        for place, one in enumerate(plain.said)
    ]
    _guessing(voice, guesses, monkeypatch)
    guessed = _run(voice, **heat)
    assert guessed.said == plain.said
    assert np.allclose(guessed.logprobs, plain.logprobs, atol=1e-3)


def test_right_guesses_are_read_at_once(voice: Voice, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = _plain(voice)
    _guessing(voice, plain.said, monkeypatch)
    reads: list[int] = []
    read = voice.body.read

    def counted(vectors: Any, cache: Any) -> Any:
        reads.append(len(vectors))
        return read(vectors, cache)

    monkeypatch.setattr(voice.body, "read", counted)
    assert _run(voice).said == plain.said
    assert len(reads) < MOST / 4


def test_what_was_guessed_and_not_said_is_not_kept(
    voice: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = _plain(voice)
    other = [*plain.said[:30], *islice(cycle([5, 10]), 40)]
    _guessing(voice, other, monkeypatch)
    run = _run(voice, max_tokens=33)
    past = run.past()
    assert past.tokens == (*PROMPT, *plain.said[:32])
    assert past.cache.length == len(past.tokens)
    kept = _plain(voice, max_tokens=33).past().cache.kept
    length = past.cache.length
    assert np.allclose(past.cache.kept[:, :, :length], kept[:, :, :length], atol=1e-3)


def test_a_stop_among_the_guesses_ends_the_step(
    voice: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = _plain(voice)
    _guessing(voice, plain.said, monkeypatch)
    stop = plain.said[9]
    run = Run(voice, PROMPT, (stop,), Sampling(max_tokens=MOST))
    while run.reason is None:
        run.advance(MOST)
    assert run.said == plain.said[: plain.said.index(stop) + 1]
    assert run.reason == "stop"
    assert len(run.past().tokens) == len(PROMPT) + len(run.said) - 1


def test_what_is_usual_after_most_tokens_is_guessed() -> None:
    usual: dict[tuple[int, ...], tuple[int, float]]
    usual = {(1,): (2, 0.9), (2,): (3, 0.9), (1, 2): (4, 0.9)}
    assert Drafts(usual, [1]).guess(9) == [2, 4]
    assert Drafts(usual, [7, 8, 9, 1]).guess(9) == [2, 4]
    assert Drafts(usual, [7, 8, 9]).guess(9) == []


def test_a_guess_is_forgotten_and_no_longer_than_asked_for() -> None:
    made = Drafts({(1,): (1, 1.0)}, [1])
    assert made.guess(6) == [1] * 6
    assert made.guess(3) == [1] * 3
    made.heard(2)
    assert made.guess(6) == []


def test_a_guess_that_is_not_sure_enough_goes_no_further() -> None:
    usual: dict[tuple[int, ...], tuple[int, float]]
    usual = {(1,): (2, 0.9), (2,): (3, 0.8), (3,): (4, 0.6)}
    assert Drafts(usual, [1]).guess(9) == [2, 3]
    assert Drafts({(1,): (2, 0.4)}, [1]).guess(9) == []


def test_the_table_that_ships_is_read() -> None:
    found = drafts.usual()
    assert len(found) > 500
    assert all(0 < len(before) <= drafts.LONGEST for before in found)
    assert all(0 <= chance <= 1 for _, chance in found.values())
