"""Who is let in, what holds for every request, and what is counted of it?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from tests.unit.serve.asking import CHAT, HI, Behind, fronted, whole
from toolrun import ServerUnreachable
from toolrun.serve import receiving
from toolrun.serve.exchange import Exchange
from toolrun.serve.failures import Failure
from toolrun.testing import say
from toolrun.values import Usage

if TYPE_CHECKING:
    from collections.abc import MutableMapping

KEY = "k" * 20
ASKED: dict[str, Any] = {"messages": HI}
CARDS = {"data": [{"id": "a/b", "object": "model", "root": "/secret"}, {"id": "c"}]}


async def test_a_key_is_needed_where_there_are_keys() -> None:
    async with fronted("Hello.", keys={"ci": KEY}) as client:
        for path in ("/v1/models", "/nowhere"):  # who may not ask does not learn what there is
            refused = await client.get(path)
            assert (refused.status, refused.error["code"]) == (401, "invalid_api_key")
            assert refused.headers["www-authenticate"] == "Bearer"
        assert (await client.post(CHAT, ASKED, authorization="Bearer wrong")).status == 401
        answer = await client.post(CHAT, ASKED, authorization=f"Bearer {KEY}", host="any.example")
        assert answer.json["choices"][0]["message"]["content"] == "Hello."
        assert (await client.get("/health/live")).json == {"status": "ok"}


async def test_without_keys_this_machine_alone_is_answered() -> None:
    async with fronted("Hello.") as client:
        refused = await client.post(CHAT, ASKED, host="rebound.example")
        assert (refused.status, refused.error["code"]) == (403, "host")
        assert (await client.post(CHAT, ASKED, host="127.0.0.1:80")).status == 200


async def test_an_endpoint_takes_its_method_alone() -> None:
    async with fronted() as client:
        assert (await client.get(CHAT)).error["code"] == "method_not_allowed"
        assert (await client.post("/v1/models", {})).status == 405
        assert (await client.get("/v1/nothing")).error["code"] == "unknown_url"


async def test_a_socket_is_closed_and_other_protocols_are_passed_over() -> None:
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        raise AssertionError

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async with fronted() as client:
        await client.app({"type": "lifespan"}, receive, send)
        assert sent == []
        await client.app({"type": "websocket"}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1003}]


async def test_requests_and_their_tokens_are_counted() -> None:
    used = Usage(7, 3, 10)
    async with fronted(say("Hello.", usage=used), keys={"ci": KEY}) as client:
        key = f"Bearer {KEY}"
        await client.post(CHAT, ASKED, authorization=key)
        await client.get("/health/live")
        page = (await client.get("/metrics", authorization=key)).body.decode()
    assert f'requests_total{{route="{CHAT}",status="200",key="ci"}} 1' in page
    assert 'requests_total{route="/health/live",status="200",key="anyone"} 1' in page
    assert 'tokens_total{key="ci",kind="prompt"} 7' in page
    assert 'tokens_total{key="ci",kind="completion"} 3' in page
    assert f'request_seconds_count{{route="{CHAT}"}} 1' in page
    assert f'request_seconds_bucket{{route="{CHAT}",le="+Inf"}} 1' in page
    assert "toolrun_requests_in_flight 0" in page
    assert "toolrun_reasoning_kept 0" in page


async def test_what_lies_in_a_store_is_not_counted() -> None:
    class Elsewhere:
        async def remember(self, owner: str, step: Any) -> None:
            raise AssertionError(owner, step)

        async def recall(self, owner: str, call_id: str) -> None:
            raise AssertionError(owner, call_id)

    async with fronted(memory=Elsewhere()) as client:
        page = (await client.get("/metrics")).body.decode()
    assert "reasoning_kept" not in page
    assert "requests_in_flight" in page


async def test_a_client_that_goes_is_counted_as_gone() -> None:
    gone = anyio.Event()

    async def thinks(_: object) -> str:
        gone.set()
        await anyio.sleep_forever()
        return ""

    async with fronted(thinks) as client:
        reply = await client.ask("POST", CHAT, [ASKED], gone=gone)
        assert reply.status == 0
        broken = await client.ask("POST", CHAT, [b"{", None])
        assert broken.status == 0
        page = (await client.get("/metrics")).body.decode()
    assert f'requests_total{{route="{CHAT}",status="499",key="anyone"}} 2' in page


async def test_a_client_that_takes_nothing_more_is_gone() -> None:
    def refuses(_: bytes) -> None:
        raise BrokenPipeError

    async with fronted("Hello.") as client:
        await client.ask("POST", CHAT, [ASKED], on_sent=refuses)
        page = (await client.get("/metrics")).body.decode()
    assert f'requests_total{{route="{CHAT}",status="499",key="anyone"}} 1' in page


async def test_a_bug_of_ours_is_told_as_nothing_but_a_failure() -> None:
    async with fronted(ValueError("the secret")) as client:
        reply = await client.post(CHAT, ASKED)
    assert (reply.status, reply.error["code"]) == (500, "internal_error")
    assert b"secret" not in reply.body


async def test_a_server_that_drains_takes_nothing_and_says_so() -> None:
    async with fronted("Hello.", behind=Behind(CARDS)) as client:
        assert (await client.get("/health")).status == 200
        client.front.running.draining = True
        refused = await client.post(CHAT, ASKED)
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        assert (await client.get("/health")).error["code"] == "shutting_down"
        assert (await client.get("/health/live")).status == 200


async def test_work_that_is_stopped_is_told_as_the_end_of_the_server() -> None:
    begun = anyio.Event()

    async def thinks(_: object) -> str:
        begun.set()
        await anyio.sleep_forever()
        return ""

    async with fronted(thinks) as client, anyio.create_task_group() as group:

        async def stop() -> None:
            await begun.wait()
            assert len(client.front.running) == 1
            client.front.running.stop()

        group.start_soon(stop)
        reply = await client.post(CHAT, ASKED)
        assert len(client.front.running) == 0
    assert (reply.status, reply.error["code"]) == (503, "shutting_down")


async def test_health_is_that_of_the_server_behind() -> None:
    async with fronted(behind=Behind(ServerUnreachable("http://10.0.0.7"))) as client:
        reply = await client.get("/health/ready")
    assert (reply.status, reply.error["code"]) == (503, "unreachable")
    assert b"10.0.0.7" not in reply.body


async def test_models_are_those_behind_without_what_is_nobodys_business() -> None:
    async with fronted(behind=Behind(CARDS, CARDS, CARDS, {"data": 1}, b"\xff")) as client:
        listed = (await client.get("/v1/models")).json
        assert listed["data"] == [{"id": "a/b", "object": "model"}, {"id": "c"}]
        assert (await client.get("/v1/models/a/b")).json == {"id": "a/b", "object": "model"}
        missing = await client.get("/v1/models/d")
        assert (missing.status, missing.error["code"]) == (404, "model_not_found")
        for _ in range(2):
            assert (await client.get("/v1/models")).status == 502


async def test_models_are_those_of_the_first_server_that_answers() -> None:
    first = Behind(ServerUnreachable("gone"), ServerUnreachable("gone"))
    async with fronted(behind=[first, Behind(CARDS, ServerUnreachable("gone"))]) as client:
        assert (await client.get("/v1/models/c")).status == 200
        assert (await client.get("/v1/models/c")).status == 503


@pytest.mark.parametrize(
    ("parts", "headers", "status", "says"),
    [
        ([b"{}"], {"content_type": "text/plain"}, 415, "Send JSON"),
        ([b"{}"], {"content_length": "101"}, 413, "more than 100 bytes"),
        ([b"{}"], {"content_length": "9" * 16}, 413, "more than 100 bytes"),
        ([b" " * 60, b" " * 60], {}, 413, "more than 100 bytes"),
        ([b"{", b"}"], {"content_length": "any"}, 400, "messages"),
        ([b"{"], {}, 400, "not JSON"),
        ([b"\xff"], {}, 400, "not JSON"),
        ([b"[]"], {}, 400, "must be a JSON object"),
    ],
)
async def test_a_body_that_is_none_is_refused(
    parts: list[bytes], headers: dict[str, Any], status: int, says: str
) -> None:
    async with fronted(max_body=100) as client:
        reply = await client.ask("POST", CHAT, [*parts], **headers)
    assert reply.status == status
    assert says in reply.error["message"]


@pytest.mark.parametrize("depth", [101, 100_000])
async def test_a_body_that_goes_too_deep_is_refused(depth: int) -> None:
    async with fronted() as client:
        reply = await client.post(CHAT, b'{"messages":' + b"[" * depth + b"]" * depth + b"}")
    assert (reply.status, reply.error["code"]) == (400, "invalid_json")
    assert "deeper than 100" in reply.error["message"]


async def test_a_body_that_does_not_come_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(receiving, "READ_SECONDS", 0.0)

    async def never() -> MutableMapping[str, Any]:
        await anyio.sleep_forever()
        raise AssertionError

    with pytest.raises(Failure) as caught:
        await receiving.read_json(never, {"content-type": "application/json; a=b"}, 10)
    assert caught.value.status == 408


async def test_the_id_that_a_client_gives_is_the_answers_where_it_can_be() -> None:
    async with fronted() as client:
        own = await client.get("/health/live", x_request_id="mine-1")
        other = await client.get("/health/live", x_request_id="m\tine")
    assert own.headers["x-request-id"] == "mine-1"
    assert other.headers["x-request-id"].startswith("req_")


async def test_after_the_end_of_an_answer_nothing_more_is_said() -> None:
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope: dict[str, Any] = {"method": "GET", "path": "/", "headers": []}
    exchange = Exchange(scope, Any, send)  # type: ignore[arg-type]  # nothing is received
    await exchange.out.json(200, {})
    said = len(sent)
    await exchange.fail(Failure(500, "Too late."))
    assert len(sent) == said == 2


async def test_a_server_without_tools_passes_all_on() -> None:
    behind = Behind(whole({"content": "Hi."}))
    async with fronted(behind=behind, tools=False) as client:
        reply = await client.post(CHAT, ASKED)
    assert reply.json["choices"][0]["message"]["content"] == "Hi."
    assert behind.bodies[0]["model"] == "m"
