"""How does a step of the embedded model go: what is said, when does it end, what is kept?

The model here has weights by chance: what it says is noise, but the same noise each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from tests.unit.models.nano import small
from toolrun.errors import ContextTooLong
from toolrun.models.harmony.tokens import CALL, TokenRequest
from toolrun.models.nano.run import Run
from toolrun.models.nano.sampler import NanoSampler
from toolrun.values import Sampling

if TYPE_CHECKING:
    from collections.abc import Sequence

PROMPT = [20, 45, 7, 9, 200_006, 3005, 12, 100, 101, 102]


@pytest.fixture(scope="module")
def sampler(tmp_path_factory: pytest.TempPathFactory) -> NanoSampler:
    return NanoSampler(small.write(tmp_path_factory.mktemp("nano") / "small.safetensors"))


def request(
    prompt: Sequence[int] = PROMPT, *, stop: tuple[int, ...] = (CALL,), **sampling: float
) -> TokenRequest:
    chosen = Sampling(**{"max_tokens": 12, **sampling})  # type: ignore[arg-type]
    return TokenRequest(tuple(prompt), chosen, stop, logprobs=True)


async def test_what_is_said_comes_piece_by_piece(sampler: NanoSampler) -> None:
    came: list[int] = []
    pieces: list[int] = []

    def on_tokens(tokens: Sequence[int]) -> None:
        came.extend(tokens)
        pieces.append(len(tokens))

    sampled = await sampler.sample(request(), on_tokens)
    assert tuple(came) == sampled.tokens
    assert len(pieces) > 1
    assert len(sampled.tokens) == 12
    assert sampled.finish_reason == "length"
    assert sampled.prompt_tokens == len(PROMPT)
    assert sampled.logprobs is not None
    assert len(sampled.logprobs) == 12
    assert all(one <= 0 for one in sampled.logprobs)


async def test_without_a_temperature_the_same_is_said_each_time(sampler: NanoSampler) -> None:
    first = await sampler.sample(request())
    again = await sampler.sample(request(seed=3))
    assert first.tokens == again.tokens


async def test_a_seed_decides_what_chance_says(sampler: NanoSampler) -> None:
    one, same, other = [
        (await sampler.sample(request(temperature=5.0, seed=seed))).tokens for seed in (1, 1, 2)
    ]
    assert one == same
    assert one != other


async def test_almost_no_top_p_is_greedy(sampler: NanoSampler) -> None:
    greedy = await sampler.sample(request())
    assert (await sampler.sample(request(temperature=3.0, top_p=1e-9))).tokens == greedy.tokens


async def test_a_stop_token_ends_a_step_and_is_the_last_of_it(sampler: NanoSampler) -> None:
    said = (await sampler.sample(request())).tokens
    stopped = await sampler.sample(request(stop=(said[4],)))
    assert stopped.tokens == said[: said.index(said[4]) + 1]
    assert stopped.finish_reason == "stop"


async def test_a_prompt_that_goes_on_is_not_read_again(sampler: NanoSampler) -> None:
    first = await sampler.sample(request())
    longer = [*PROMPT, *first.tokens, 200_006, 45, 3005]
    on = await sampler.sample(request(longer))
    assert on.cached_tokens == len(PROMPT) + len(first.tokens) - 1
    await sampler.aclose()
    anew = await sampler.sample(request(longer))
    assert anew.cached_tokens == 0
    assert anew.tokens == on.tokens


async def test_a_prompt_longer_than_what_is_read_at_once(sampler: NanoSampler) -> None:
    long = [(7 * i) % 4000 for i in range(700)]
    sampled = await sampler.sample(request(long))
    run = Run(sampler.voice(), long, (CALL,), Sampling(max_tokens=12))
    while run.reason is None:
        run.advance(1)
    assert tuple(run.said) == sampled.tokens


async def test_steps_at_once_say_what_they_say_alone(sampler: NanoSampler) -> None:
    prompts = [[i, *PROMPT] for i in range(5)]
    alone = [(await sampler.sample(request(one))).tokens for one in prompts]
    found: dict[int, tuple[int, ...]] = {}

    async def one(place: int) -> None:
        found[place] = (await sampler.sample(request(prompts[place]))).tokens

    async with anyio.create_task_group() as group:
        for place in range(5):
            group.start_soon(one, place)
    assert [found[place] for place in range(5)] == alone


async def test_a_step_can_be_cancelled(sampler: NanoSampler) -> None:
    came: list[int] = []
    with anyio.CancelScope() as scope:

        def on_tokens(tokens: Sequence[int]) -> None:
            came.extend(tokens)
            scope.cancel()

        await sampler.sample(request(max_tokens=3000, stop=()), on_tokens)
    assert scope.cancelled_caught
    assert len(came) < 100


async def test_a_prompt_without_room_for_a_reply_is_refused(sampler: NanoSampler) -> None:
    with pytest.raises(ContextTooLong, match="length is 4096 tokens") as caught:
        await sampler.sample(request([7] * 4096))
    assert (caught.value.tokens, caught.value.length) == (4096, 4096)


async def test_what_a_listener_raises_ends_the_step(sampler: NanoSampler) -> None:
    def on_tokens(_: Sequence[int]) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await sampler.sample(request(), on_tokens)
