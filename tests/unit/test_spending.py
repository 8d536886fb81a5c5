"""Is an account asked before each step, and told of each once, whatever happens between?"""

from __future__ import annotations

import pytest

from tests.unit.context.talker import SUMMARY, Talker, read
from toolrun import Compaction, ConfigError, LimitReached, Runtime, Session, Spending
from toolrun.testing import ScriptedModel, call, say
from toolrun.values import Usage


class Book:
    """An account with so many tokens for each tenant."""

    def __init__(self, tokens: int = 10**9) -> None:
        self.tokens = tokens
        self.spendings: list[Spending] = []
        self.asked: list[Spending] = []
        self.fails = 0

    async def reached(self, spending: Spending) -> LimitReached | None:
        self.asked.append(spending)
        mine = [each for each in self.spendings if each.tenant == spending.tenant]
        used = sum(each.usage.total_tokens for each in {each.key: each for each in mine}.values())
        return LimitReached("account", self.tokens) if used >= self.tokens else None

    async def spent(self, spending: Spending) -> None:
        if self.fails:
            self.fails -= 1
            raise RuntimeError("the database is away")
        self.spendings.append(spending)


def model() -> ScriptedModel:
    return ScriptedModel(
        call("read", {"length": 0}, usage=Usage(10, 5)), say("Read.", usage=Usage(20, 5))
    )


async def test_it_is_told_of_each_step_with_a_key_of_its_own() -> None:
    book = Book()
    async with Session(model=model(), tools=[read], account=book, tenant="acme") as session:
        await session.ask("Read.")
        first, second = book.spendings
    assert (first.usage, second.usage) == (Usage(10, 5), Usage(20, 5))
    assert (first.total, second.total) == (Usage(10, 5), Usage(30, 10))
    assert first.key != second.key
    assert first.key.startswith(f"{session.id}.")
    assert {first.tenant, second.tenant} == {"acme"}
    assert [each.key for each in book.asked] == ["", ""]


async def test_one_holds_for_all_sessions_of_a_tenant_and_for_no_other() -> None:
    book = Book(50)
    async with Runtime(account=book, tools=[read]) as runtime:
        statuses = []
        for tenant in ("acme", "acme", "acme", "other"):
            async with runtime.session(model=model(), tenant=tenant) as session:
                answer = await session.ask("Read.")
                statuses.append(answer.status)
    assert statuses == ["finished", "limited", "limited", "finished"]
    assert answer.limit is None


async def test_the_limit_is_in_the_answer() -> None:
    async with Session(model=model(), tools=[read], account=Book(1)) as session:
        answer = await session.ask("Read.")
    assert answer.status == "limited"
    assert answer.limit is not None
    assert (answer.limit.limit, answer.limit.value) == ("account", 1)


async def test_what_it_raises_fails_the_turn_and_it_is_told_again() -> None:
    book = Book()
    book.fails = 1
    async with Session(model=model(), tools=[read], account=book) as session:
        with pytest.raises(RuntimeError, match="database is away"):
            await session.ask("Read.")
        assert (await session.go_on()).status == "finished"
    assert [each.usage for each in book.spendings] == [Usage(10, 5), Usage(20, 5)]


async def test_summaries_are_told_of_too() -> None:
    book, talker = Book(), Talker(4000)
    options = {"compaction": Compaction("summarise", keep_turns=0), "account": book}
    async with Session(model=talker, tools=[read], **options) as session:  # type: ignore[arg-type]
        for _ in range(4):
            await session.ask("3000 600")
        assert talker.summaries
        assert SUMMARY.encode() in talker.bodies[-1]
        told = sum((each.usage for each in book.spendings), Usage())
        assert told == session.state.usage
    assert len({each.key for each in book.spendings}) == len(book.spendings)


async def test_a_fork_tells_nothing_of_what_its_parent_took() -> None:
    book = Book()
    async with Session(model=model(), tools=[read], account=book) as session:
        await session.ask("Read.")
        before = len(book.spendings)
        async with session.fork(model=ScriptedModel(*["."] * 9)) as fork:
            await fork.ask("Go on.")
    assert [each.session for each in book.spendings[before:]] == [fork.id]


def test_what_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="account must have async methods reached and spent"):
        Session(account=object())  # type: ignore[arg-type]
