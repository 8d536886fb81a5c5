"""Does a real vLLM serve the embedded model, and does a session run chores with it, unscripted?

Everything is real here: the words are the model's own, scheduler, sampler, parsers and streaming
are vLLM's, tools run in boxes. All chores of a way of sampling run at once, which costs vLLM
little more than one.
"""

from __future__ import annotations

import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final

import anyio
import pytest

from tests.integration.chores import (
    CHORES,
    SECRETS,
    Chores,
    calls_of,
    is_secret,
    prepare,
    secret,
    submitted,
)
from tests.integration.said import WAYS
from tests.rig.nano.errands import KINDS, make
from tests.rig.nano.frameworks import CLIENTS, measured
from tests.rig.nano.replies import OTHER, SAME, Reply, beside, prompts
from toolrun.embedded import NAME
from toolrun.models.nano.sampler import NanoSampler

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from tests.rig.clients import Clients
    from tests.rig.server import VllmServer
    from toolrun import Answer

    Ran: TypeAlias = tuple[dict[str, list[Answer]], dict[str, Answer]]

_MOST_STEPS: Final = 4
_ERRANDS: Final = 4
_PROMPTS: Final = 10
_OFFERED: Final = {
    "read_file": ("path", "Read a text file and return what it says."),
    "submit": ("answer", "Submit the answer."),
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Callable[[VllmServer, str], Ran]:
    """Gives what came of all chores by a server and a way; they run when first asked for."""
    workspace = prepare(tmp_path_factory.mktemp("workspace"))
    known: dict[tuple[str, str], Ran] = {}

    def get(server: VllmServer, way: str) -> Ran:
        key = (server.version, way)
        if key not in known:
            via, streamed = WAYS[way]
            known[key] = anyio.run(Chores(server, workspace, via, streamed=streamed).run)
        return known[key]

    return get


@pytest.mark.parametrize("way", WAYS)
def test_chores_are_run(
    nano_vllm: VllmServer, ran: Callable[[VllmServer, str], Ran], way: str
) -> None:
    found, _ = ran(nano_vllm, way)

    for name, turns in CHORES.items():
        for turn, answer in zip(turns, found[name], strict=True):
            assert answer.status == "finished", name
            assert calls_of(answer) == turn.calls, (name, turn.ask)
            assert answer.text, name
            assert [each for each in turn.must if each not in answer.text] == [], answer.text


@pytest.mark.parametrize("way", WAYS)
def test_what_was_thought_of_is_known_steps_later(
    nano_vllm: VllmServer, ran: Callable[[VllmServer, str], Ran], way: str
) -> None:
    _, kept = ran(nano_vllm, way)

    known = [
        kind
        for kind, answer in kept.items()
        if is_secret(submitted(answer), kind, answer.steps[0].reasoning or "")
    ]
    assert len(known) >= len(SECRETS) - 1, {k: (a.reasoning, submitted(a)) for k, a in kept.items()}
    assert {len(answer.steps) for answer in kept.values()} == {3}


def test_and_is_not_known_where_a_client_drops_the_reasoning(nano_vllm: VllmServer) -> None:
    with ThreadPoolExecutor(len(SECRETS)) as at_once:
        known = sum(at_once.map(lambda kind: _known_without(nano_vllm, kind), SECRETS))

    assert known <= 2  # one of a dozen fruits can be guessed


def _known_without(server: VllmServer, kind: str) -> bool:
    """Run a chore as a client does that sends no reasoning back; it may end with no answer."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": secret(kind)}]
    thought = ""
    for _ in range(_MOST_STEPS):
        body = {
            "model": server.model,
            "messages": messages,
            "tools": [_offered(name) for name in _OFFERED],
            "temperature": 0,
            "max_tokens": 200,
        }
        said = server.post("/v1/chat/completions", body)["choices"][0]["message"]
        thought = thought or said["reasoning"]
        if not said.get("tool_calls"):
            assert len(messages) > 1, said  # the first call needs no reasoning of before
            return False
        call = said["tool_calls"][0]
        given = json.loads(call["function"]["arguments"])
        if call["function"]["name"] == "submit":
            return is_secret(str(given["answer"]), kind, thought)
        messages.append({"role": "assistant", "tool_calls": [call]})
        result = "Call the plumber on Tuesday."
        messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})
    return pytest.fail(f"nothing was submitted: {messages}")


def _offered(name: str) -> dict[str, Any]:
    key, about = _OFFERED[name]
    schema = {"type": "object", "properties": {key: {"type": "string"}}, "required": [key]}
    return {
        "type": "function",
        "function": {"name": name, "description": about, "parameters": schema},
    }


@pytest.mark.parametrize("way", ["harmony", "harmony-streamed"])
def test_what_was_sampled_stands_in_the_next_prompt_token_by_token(
    nano_vllm: VllmServer, ran: Callable[[VllmServer, str], Ran], way: str
) -> None:
    found, _ = ran(nano_vllm, way)

    for answers in found.values():
        for answer in answers:
            for before, step in pairwise(answer.steps):
                assert before.rendered_token_ids is not None
                assert before.token_ids
                read = before.continues + len(before.rendered_token_ids)
                assert step.continues == read + len(before.token_ids)


def test_it_takes_as_many_tokens_as_where_numpy_samples_it(nano_vllm: VllmServer) -> None:
    with urllib.request.urlopen(f"{nano_vllm.url}/models", timeout=120) as response:
        [listed] = json.load(response)["data"]

    here = anyio.run(NanoSampler().context_length, NAME)
    assert (listed["id"], listed["max_model_len"]) == (NAME, here)


def test_its_greedy_replies_are_the_runtimes(nano_vllm: VllmServer) -> None:
    """The whole comparison, with transformers, is `python -m tests.rig.nano.parity`."""
    voice = NanoSampler().voice()
    found = beside(nano_vllm.root, [Reply(voice, prompt) for prompt in prompts(_PROMPTS)])

    assert found.kinds[OTHER] <= 1, found.told  # bfloat16 rounds at each layer: one of a hundred
    assert found.kinds[SAME] >= _PROMPTS - 4, found.told
    assert fmean(found.apart) < 0.2


@pytest.mark.timeout(300, func_only=True)
def test_other_peoples_agents_lose_what_the_first_step_settled_and_get_it_back_by_the_front(
    nano_vllm32: VllmServer, clients: Clients
) -> None:
    """The whole comparison is `python -m tests.rig.nano.frameworks`."""
    some = [
        each for each in CLIENTS if each.script in {"toolrun_errands.py", "langchain_errands.py"}
    ]
    errands = [errand for kind in KINDS for errand in make(kind, _ERRANDS)]
    with ThreadPoolExecutor(len(some)) as at_once:
        rows = at_once.map(lambda each: measured(each, errands, nano_vllm32.root, clients), some)
        kept, dropped, langchain, served = rows

    for row in (kept, served):
        assert row.fields == ("reasoning", "reasoning_content"), row
        assert row.back[0] == row.back[1] >= len(errands), row
        assert row.done["secret"].right >= _ERRANDS - 1, row
        assert row.prepared.right >= row.prepared.count - 1, row
    for row in (dropped, langchain):
        assert row.fields == (), row
        assert row.back[0] == 0 < row.back[1], row
        assert sum(share.right for share in row.done.values()) <= 2, row  # by chance
