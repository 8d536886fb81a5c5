"""Does the doctor find what is wrong with a server, and say what mends it?"""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.rig import scripts
from tests.rig.contract import ContractServer
from tests.rig.mock import Call, Step
from toolrun import ServerStatus, ServerUnreachable
from toolrun.models import auto
from toolrun.models.doctor import CHECKS, Report, examine, patient
from toolrun.models.faults import PARSER_FLAGS
from toolrun.models.ways import Server

if TYPE_CHECKING:
    from tests.rig.mock import MockServer
    from tests.rig.server import VllmServer

CALLED = Step("I need the weather in Paris, and only get_weather knows it.")
CALL = Call("get_weather", '{"city":"Paris"}')
OBEDIENT = {
    "vllm_xargs": {
        "harmony": [
            scripts.analysis("I need the weather in Paris: get_weather knows.")
            + scripts.call("get_weather", '{"city":"Paris"}'),
            scripts.analysis("The tool says it.") + scripts.final_json('{"celsius": 20}'),
        ]
    }
}
"""Has a real server's model say what each check hopes for: a call, then an answer in JSON."""


def verdicts(report: Report) -> dict[str, str]:
    return {check.name: check.verdict for check in report.checks if check.verdict != "green"}


def obedient(mock: MockServer) -> None:
    """Have a mock's model call, then answer in JSON."""
    mock.script(Step(CALLED.reasoning, tool_calls=(CALL,)), Step("It says so.", '{"celsius": 20}'))


async def test_a_real_server_is_well(vllm: VllmServer) -> None:
    seen: list[str] = []
    report = await examine(
        Server(vllm.url),
        extra_body=OBEDIENT,
        on_begin=seen.append,
        on_check=lambda check: seen.append(check.verdict),
    )

    assert verdicts(report) == {"Responses: store": "yellow"}  # vLLM's default
    assert (report.server, report.via, report.works) == (f"vLLM {vllm.version}", "chat", True)
    assert tuple(seen[::2]) == CHECKS == tuple(check.name for check in report.checks)
    taken = report.check("reasoning taken back")
    assert taken is not None
    assert taken.proof == "prompt_token_ids against the server's /tokenize"
    assert "in their channel" in taken.saw


async def test_a_model_that_does_as_it_likes_is_no_fault_of_the_server(vllm: VllmServer) -> None:
    """It answers without a thought and without a call, and holds to no format."""
    text = scripts.final("I would rather not say how warm it is anywhere today.")
    report = await examine(
        Server(vllm.url), vllm.model, extra_body={"vllm_xargs": {"harmony": [text]}}
    )

    assert report.works
    found = verdicts(report)
    assert {"tool calling", "reasoning returned", "parallel calls"} <= set(found)
    called = report.check("tool calling")
    assert called is not None
    assert "the model did not call" in called.saw


async def test_a_server_that_drops_reasoning_is_red(mock: MockServer) -> None:
    obedient(mock)
    mock.settings(counts=True, drops=True)
    report = await examine(Server(mock.url))

    taken = report.check("reasoning taken back")
    assert taken is not None
    assert taken.verdict == "red"
    assert taken.saw == "dropped: the prompt has 100 tokens with it, 100 without"
    assert taken.proof == "prompt_tokens with the reasoning and without it"
    assert 'via="harmony"' in str(taken.fix)
    assert not report.works


async def test_a_server_that_takes_it_is_not(mock: MockServer) -> None:
    obedient(mock)
    mock.settings(counts=True)
    report = await examine(Server(mock.url))

    assert report.works
    assert "reasoning taken back" not in verdicts(report)


async def test_what_auto_knows_to_mend_is_yellow(monkeypatch: pytest.MonkeyPatch) -> None:
    with ContractServer("vllm-0.11") as server:
        report = await examine(Server(server.url))
        monkeypatch.setattr(auto, "has", lambda module: False)
        without = await examine(Server(server.url))

    taken = report.check("reasoning taken back")
    assert taken is not None
    assert (taken.verdict, report.via, report.works) == ("yellow", "harmony", True)
    assert "harmony" in str(taken.fix)
    assert without.via == "responses"


@pytest.mark.parametrize("version", ["0.10.1", "0.12.0", "0.14.0", "0.18.0", "0.25.0"])
async def test_old_versions(mock: MockServer, version: str) -> None:
    obedient(mock)
    mock.settings(counts=True, version=version)
    found = verdicts(await examine(Server(mock.url)))

    assert found.get("tool calling") == ("red" if version == "0.10.1" else None)
    dropped = version in ("0.10.1", "0.12.0")
    assert found.get("reasoning taken back") == ("yellow" if dropped else None)
    assert found.get("server") == ("yellow" if dropped else None)


async def test_a_server_that_takes_the_other_field_is_told_of() -> None:
    """llama.cpp behind a gateway that hides it: `reasoning` is dropped."""
    with ContractServer("llama.cpp") as server:
        report = await examine(Server(server.url, dialect="generic"), server.model)

    taken = report.check("reasoning taken back")
    assert taken is not None
    assert taken.verdict == "yellow"
    assert taken.saw == "dropped from `reasoning`, and taken from `reasoning_content`"
    assert "--dialect llama.cpp" in str(taken.fix)


@pytest.mark.parametrize("name", ["ollama", "lm-studio", "llama.cpp", "litellm"])
async def test_no_contract_of_another_server_is_red(name: str) -> None:
    with ContractServer(name) as server:
        report = await examine(Server(server.url))

    assert report.works
    good = {"models", "streaming", "tool calling", "reasoning returned", "reasoning taken back"}
    assert good.isdisjoint(verdicts(report))
    assert report.server == server.contract.dialect


async def test_a_missing_parser_is_named(mock: MockServer) -> None:
    obedient(mock)
    mock.settings(counts=True, tool_parser=False)
    called = (await examine(Server(mock.url))).check("tool calling")

    assert called is not None
    assert called.verdict == "red"
    assert PARSER_FLAGS in str(called.fix)


async def test_one_check_that_fails_says_nothing_of_the_others(mock: MockServer) -> None:
    """The first step is broken, the second is well: only what asks for the second can be told."""
    mock.script(Step("Hm.", fault="http_400"), Step("It says so.", '{"celsius": 20}'))
    mock.settings(counts=True)
    found = verdicts(await examine(Server(mock.url)))

    assert (found["streaming"], found["tool calling"]) == ("red", "red")
    assert "reasoning taken back" not in found
    assert "structured output" not in found


async def test_a_model_that_is_not_served_ends_it(mock: MockServer) -> None:
    report = await examine(Server(mock.url), "openai/gpt-oss-120b")

    assert [(check.name, check.verdict) for check in report.checks][1:] == [("models", "red")]
    assert mock.model in report.checks[1].saw
    assert not report.works


async def test_without_a_name_the_first_gpt_oss_is_taken(mock: MockServer) -> None:
    mock.settings(model="my/GPT-OSS-20b-awq", counts=True)
    assert (await examine(Server(mock.url))).model == "my/GPT-OSS-20b-awq"

    mock.settings(model="qwen3")
    assert (await examine(Server(mock.url))).model is None


async def test_nobody_there_and_a_wrong_key_are_errors(mock: MockServer) -> None:
    with pytest.raises(ServerUnreachable):
        await examine(Server("http://127.0.0.1:1/v1"))
    mock.settings(api_key="sesame")
    with pytest.raises(ServerStatus, match="api_key"):
        await examine(Server(mock.url, "wrong"))


async def test_a_check_has_its_time(mock: MockServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolrun.models.doctor.examination.SECONDS", 0.2)
    mock.script(Step("Hm.", "Hello.", delay_s=60))
    report = await examine(Server(mock.url))

    slow = report.check("tool calling")
    assert slow is not None
    assert (slow.verdict, slow.saw) == ("yellow", "no answer within 0.2 s")


def test_every_conversation_is_one_that_was_never_had() -> None:
    """Else a cache, and Ollama's count of what it evaluates, would answer for the server."""
    assert len({str(patient.question()) for _ in range(50)}) > 40


def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).parent / "toolrun"), "doctor", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **env},
    )


def test_the_command_line(mock: MockServer) -> None:
    obedient(mock)
    mock.settings(counts=True)
    done = run(mock.root)
    assert (done.returncode, done.stderr) == (0, "")
    assert "get_weather" in done.stdout
    assert f"vLLM 0.32.0 at {mock.url}: " in done.stdout

    mock.settings(drops=True)
    done = run(mock.url, "--json")
    said: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode, said["works"], said["kind"]) == (1, False, "vllm")
    assert [check["name"] for check in said["checks"]] == list(CHECKS)

    done = run("http://127.0.0.1:1")
    assert (done.returncode, done.stdout) == (5, "")
    assert "no server at http://127.0.0.1:1/v1" in done.stderr

    assert run(mock.url, "--dialect", "olama").returncode == 2


def test_a_terminal_sees_a_table_and_nothing_raw(mock: MockServer) -> None:
    """What a server says may hold escape sequences, which none may obey, and rich's own markup."""
    mock.script(
        Step("Hm.", "\x1b]0;title\x07[red]no[/red]"), Step("It says so.", '{"celsius": 20}')
    )
    mock.settings(counts=True)
    ours, theirs = pty.openpty()
    command = [str(Path(sys.executable).parent / "toolrun"), "doctor", mock.url]
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    env.pop("NO_COLOR", None)
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    screen = b""
    try:
        while read := os.read(ours, 65536):
            screen += read
    except OSError:  # the other end is closed
        pass
    finally:
        os.close(ours)
    shown = screen.decode()

    assert process.wait(30) == 0
    assert "\x1b]0;" not in shown
    assert "[red]no[/red]" in shown
    assert "\x1b[32m" in shown  # green
    assert "of 13: tool calling" in shown  # progress
