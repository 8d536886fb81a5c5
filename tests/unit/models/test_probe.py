"""Is each kind of server known by what it says of itself, by few requests and in a bounded time?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from tests.rig.contract import NAMES, ContractServer, contract
from tests.unit.models import raw_server
from toolrun import ConfigError, ServerStatus, Session
from toolrun.models import dialects, probe
from toolrun.models.dialects import BOTH, GENERIC, Dialect, given, named
from toolrun.models.door import Door, Timeouts

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator


@pytest.fixture(params=NAMES)
def server(request: pytest.FixtureRequest) -> Iterator[ContractServer]:
    with ContractServer(request.param) as server:
        yield server


async def found(url: str, **options: float) -> Dialect:
    door = Door(url, timeouts=Timeouts(**options))
    try:
        return await probe.probe(door)
    finally:
        await door.aclose()


async def test_a_server_is_known(server: ContractServer) -> None:
    dialect = await found(server.url)

    assert dialect.name == server.contract.dialect
    assert dialect == named(server.contract.dialect)
    assert len(server.seen) <= 5


async def test_its_dialect_is_what_its_contract_says(server: ContractServer) -> None:
    dialect, said = named(server.contract.dialect), server.contract

    assert list(dialect.reasoning_in) == said.sends
    assert dialect.bad_json in (None, said.bad_json)
    if dialect.reasoning_taken is not None:
        assert list(dialect.reasoning_taken) == said.takes
        assert dialect.takes_reasoning is bool(said.takes)
    if said.completions is not None:
        assert dialect.tokens is (said.completions == "ids")
    if said.responses is not None:
        assert dialect.responses_reasoning == said.responses


async def test_a_server_that_is_named_is_not_asked() -> None:
    with ContractServer("ollama") as server:
        async with Session(model=server.model, base_url=server.url, dialect="generic") as session:
            await session.ask("Hello")

    assert server.seen == ["/v1/chat/completions"]


async def test_a_server_that_is_silent_after_its_first_answer_is_generic() -> None:
    """It must not hold a session up: each question may take as long as a first token at most."""

    async def silence() -> AsyncGenerator[bytes, None]:
        await anyio.sleep_forever()
        yield b""

    def answer(request: raw_server.Received) -> bytes | AsyncGenerator[bytes, None]:
        if request.target != "/version":
            return silence()
        return b"HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"

    async with raw_server.server(answer) as port:
        with anyio.fail_after(20):
            assert await found(f"http://127.0.0.1:{port}/v1", first_token=0.3) == GENERIC


@pytest.mark.parametrize("name", NAMES)
def test_every_contract_names_its_source(name: str) -> None:
    assert contract(name).source


KNOWN = [
    GENERIC,
    *(make("1.2.3") for make in dialects._MAKERS.values()),
    *(make("") for make in dialects._MAKERS.values()),
]


@pytest.mark.parametrize("dialect", KNOWN, ids=lambda each: each.name)
def test_a_dialect_is_found_by_its_name_and_by_a_person(dialect: Dialect) -> None:
    assert named(dialect.name) == dialect
    assert given(dialect.as_given) == dialect


def test_an_unknown_server_is_sent_only_what_none_refuses() -> None:
    assert GENERIC.reasoning_out == ("reasoning",)


def test_only_what_takes_two_fields_is_sent_two() -> None:
    assert {each.kind for each in KNOWN if each.reasoning_out == BOTH} == {"vllm", "litellm"}


@pytest.mark.parametrize("text", ["", "olama", "vllm-0.32", "generic 3"])
def test_what_is_no_dialect_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="dialect is one of vllm, ollama"):
        given(text)


def test_versions_of_vllm_differ_in_every_way() -> None:
    old, new = given("vllm 0.10.1"), given("vllm 0.33.0")

    assert (old.calls, old.tokens, old.strict) == (False, False, False)
    assert (new.calls, new.tokens, new.strict) == (True, True, True)
    assert (old.responses_reasoning, new.responses_reasoning) == ("no channel", "analysis")
    assert given("vllm 0.11.0").reasoning_in == ("reasoning_content",)
    assert given("vllm 0.11.1").reasoning_in == BOTH
    assert given("vllm 0.18.0").reasoning_taken == ("reasoning",)


async def test_a_server_that_is_away_is_not_taken_for_another_kind() -> None:
    """A proxy answers for it: what is found out now would be believed when it is back."""

    def answer(request: raw_server.Received) -> bytes:
        body = b"bad gateway"
        head = f"HTTP/1.1 502 X\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
        return head.encode() + body

    async with raw_server.server(answer) as port:
        door = Door(f"http://127.0.0.1:{port}/v1")
        with pytest.raises(ServerStatus) as caught:
            await probe.probe(door)
        await door.aclose()

    assert caught.value.status == 502


@pytest.mark.parametrize(
    ("header", "path", "dialect"),
    [
        ("x-litellm-version: 1.80.5", "/version", dialects.litellm("1.80.5")),
        ("server: llama.cpp", "/version", dialects.llama_cpp()),
        ("x-litellm-version: 1.80.5", "/v1/models", dialects.litellm("1.80.5")),
        ("server: uvicorn", "/version", GENERIC),
    ],
)
async def test_a_server_is_known_by_a_header_whatever_it_answers(
    header: str, path: str, dialect: Dialect
) -> None:
    def answer(request: raw_server.Received) -> bytes:
        said = f"{header}\r\n" if request.target == path else ""
        return raw_server.whole(b"no", status="404 Not Found", headers=said)

    async with raw_server.server(answer) as port:
        assert await found(f"http://127.0.0.1:{port}/v1") == dialect


async def test_whoever_asks_meanwhile_waits_for_the_same_answer() -> None:
    seen: list[raw_server.Received] = []
    dialect: list[Dialect] = []

    def answer(_: raw_server.Received) -> bytes:
        return raw_server.whole(b'{"version": "0.32.0"}')

    async with raw_server.server(answer, seen=seen) as port:
        door = Door(f"http://127.0.0.1:{port}/v1", timeouts=raw_server.TIMES)
        asked = probe.AskedDialect(door, None)

        async def ask() -> None:
            dialect.append(await asked.get())

        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(ask)
        await door.aclose()

    assert dialect == [dialects.vllm("0.32.0")] * 5
    assert [each.target for each in seen] == ["/version"]
