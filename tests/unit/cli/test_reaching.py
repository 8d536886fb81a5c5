"""Where no server answers: is it said what was tried, what it means, and what starts one?"""

from __future__ import annotations

import pytest

from tests.rig.server import free_port
from toolrun.cli.about import server_name
from toolrun.cli.reaching import start_command, toy_hint, unreached
from toolrun.config import Config
from toolrun.errors import ModelNotFound, ServerStatus, ServerTimeout, ServerUnreachable

ASYNCIO = pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)
"""The command line runs on it alone, and the causes are the words of its transport."""
FLAGS = "--tool-call-parser openai --enable-auto-tool-choice --enable-prompt-tokens-details"


def test_the_command_has_the_model_the_port_and_the_flags() -> None:
    assert start_command("openai/gpt-oss-120b") == f"vllm serve openai/gpt-oss-120b {FLAGS}"
    assert start_command("m", "http://localhost:8000/v1") == f"vllm serve m {FLAGS}"
    assert start_command("m", "http://localhost:9/v1") == f"vllm serve m --port 9 {FLAGS}"


@ASYNCIO
async def test_a_wrong_port_is_named() -> None:
    unused_port = free_port()
    url = f"http://127.0.0.1:{unused_port}/v1"
    closed = f"nothing listens on port {unused_port}: another port, or is it still starting?"
    with pytest.raises(ServerUnreachable) as caught:
        await server_name(Config(base_url=url, model="openai/gpt-oss-120b"))
    assert str(caught.value) == (
        f"no server answers. Tried:\n"
        f"    {url}: {closed}\n"
        "Start vLLM with\n"
        f"    vllm serve openai/gpt-oss-120b --port {unused_port} {FLAGS}\n"
        "or say where a server runs: --base-url URL, TOOLRUN_BASE_URL, or base_url in toolrun.toml"
        f"\n{toy_hint()}"
    )


@ASYNCIO
async def test_each_of_several_servers_is_named() -> None:
    unused_port = free_port()
    urls = (f"http://127.0.0.1:{unused_port}/v1", "http://nohost.invalid:8000/v1")
    with pytest.raises(ServerUnreachable) as caught:
        await server_name(Config(base_url=urls))
    assert f"{urls[0]}: nothing listens on port {unused_port}" in str(caught.value)
    assert f"{urls[1]}: there is no host nohost.invalid: is the name right?" in str(caught.value)


def test_a_connection_that_takes_too_long_has_words_of_its_own() -> None:
    url = "http://10.0.0.1:8000/v1"
    late = ServerTimeout(f"{url}: no connection within 5 s", "connect")
    told = str(unreached([(url, late)], Config(base_url=url)))
    assert "no connection in time: is 10.0.0.1 on, and does a firewall hold?" in told
    assert "Start vLLM there with" in told


def test_an_answer_that_is_none_says_more_than_silence() -> None:
    refused = ServerStatus("http://a answered 401: no. Check api_key", 401)
    away = ServerUnreachable("no server at http://b")
    failed = [("http://b", away), ("http://a", refused)]
    assert unreached(failed, Config()) is refused
    wrong = ModelNotFound("http://a has no model 'x'; it serves y", ["y"])
    assert unreached([("http://a", wrong)], Config()) is wrong
