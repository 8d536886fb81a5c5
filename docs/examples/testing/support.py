"""The support desk of a shop: an agent behind methods that a web framework would call.

    python support.py "Order 7 came broken. I want my money back."

That needs gpt-oss on a server at $TOOLRUN_BASE_URL; the tests beside it need none.
"""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

from tools import Order, Shop, find_order, refund, refundable

from toolrun import Answer, Approve, Decision, Deny, Limits, Runtime, ToolCall

BASE_URL = os.environ.get("TOOLRUN_BASE_URL", "http://localhost:8000/v1")
MODEL = os.environ.get("TOOLRUN_MODEL", "openai/gpt-oss-20b")
INSTRUCTIONS = (
    "You answer the customers of a small shop. Look up the order before you say anything of it. "
    "Pay back what refundable says, never more."
)


@dataclass
class Ticket:
    """What a letter is about."""

    topic: Literal["refund", "delivery", "other"]
    urgent: bool


async def small_sums(call: ToolCall) -> Decision:
    """Let the agent pay back small sums by itself."""
    amount = json.loads(call.arguments)["amount"]
    return Approve() if amount <= 50 else Deny("a colleague has to look at sums above 50 EUR")


class SupportDesk:
    """Answers customers; one for the whole process. An asynchronous context manager."""

    def __init__(self, shop: Shop) -> None:
        self._runtime = Runtime(
            base_url=BASE_URL,
            model=MODEL,
            instructions=INSTRUCTIONS,
            tools=[find_order, refundable, refund],
            approve=small_sums,
            context=shop,
            limits=Limits(steps=8),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._runtime.aclose()

    async def answer(self, letter: str) -> Answer:
        """Answer a letter, and do what it asks for where that is right."""
        async with self._runtime.session() as session:
            answer = await session.ask(letter)
        return answer.raise_for_status()

    async def triage(self, letter: str) -> Answer:
        """Say what a letter is about: a `Ticket`."""
        async with self._runtime.session(tools=[]) as session:
            return await session.ask(f"What is this letter about?\n\n{letter}", output=Ticket)


async def main(letter: str) -> None:
    """Answer one letter."""
    async with SupportDesk(Shop({7: Order("lamp", 40.0, 3)})) as desk:
        print((await desk.answer(letter)).text)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
