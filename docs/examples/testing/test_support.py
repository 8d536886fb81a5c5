"""Does the desk do what is right? Recorded traces stand in for the model: no server, no GPU."""

from collections.abc import AsyncIterator

import pytest
from support import SupportDesk, Ticket
from tools import Order, Shop

from toolrun import Prices
from toolrun.integrations.pytest import RecordedTrace
from toolrun.testing import (
    assert_answer,
    assert_called,
    assert_cost,
    assert_not_called,
    assert_order,
    assert_steps,
)

pytestmark = pytest.mark.anyio
PRICES = Prices(prompt=0.05, completion=0.2)  # EUR for a million tokens


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def shop() -> Shop:
    return Shop({7: Order("lamp", 40.0, 3), 8: Order("sofa", 900.0, 5), 9: Order("rug", 60.0, 20)})


@pytest.fixture
async def desk(shop: Shop) -> AsyncIterator[SupportDesk]:
    async with SupportDesk(shop) as desk:
        yield desk


# The model is the trace's; the tools run, so that what they do can be looked at.
@pytest.mark.trace("traces/broken-lamp.jsonl", tools="live")
async def test_a_small_sum_is_paid_back(desk: SupportDesk, shop: Shop) -> None:
    answer = await desk.answer("Order 7 came broken. I want my money back.")

    assert shop.refunds == {7: 40.0}
    assert_order(answer, "find_order", "refundable", "refund")
    assert_called(answer, "refund", {"order": 7, "amount": 40.0}, times=1)
    assert_steps(answer, most=4)
    assert_cost(answer, most=0.001, prices=PRICES)


@pytest.mark.trace("traces/unwanted-sofa.jsonl", tools="live")
async def test_a_large_sum_is_left_to_a_colleague(desk: SupportDesk, shop: Shop) -> None:
    answer = await desk.answer("I don't want the sofa of order 8 any more.")

    assert shop.refunds == {}
    assert_not_called(answer, "refund")
    assert "colleague" in answer.text


# Model and tools are the trace's: nothing runs but what the desk itself does.
@pytest.mark.trace("traces/triage.jsonl")
async def test_a_letter_is_sorted(desk: SupportDesk) -> None:
    answer = await desk.triage("Where is my rug? I waited three weeks!")

    assert assert_answer(answer, Ticket) == Ticket("delivery", urgent=True)


# Once for each trace in the folder: put those of production there that went wrong.
@pytest.mark.trace("traces/questions")
async def test_who_only_asks_is_paid_nothing(
    desk: SupportDesk, toolrun_trace: RecordedTrace
) -> None:
    (letter,) = toolrun_trace.said
    answer = await desk.answer(letter)

    assert_not_called(answer, "refund")
    assert_steps(answer, most=3)
