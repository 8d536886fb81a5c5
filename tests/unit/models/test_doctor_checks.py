"""What does each check of the doctor find in what a server may answer, and what does it advise?

The answers are made up: they are those of servers that are broken in ways that no other test has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest

from toolrun.errors import MalformedOutput, ServerError, ServerStatus, ServerUnreachable
from toolrun.events import AssistantMessage
from toolrun.models.dialects import GENERIC, Dialect, litellm, ollama, vllm
from toolrun.models.doctor import chat_checks, embedded, examination, memory_checks, way_checks
from toolrun.models.doctor.patient import REASONING, Patient, first_choice, message, number
from toolrun.models.faults import PARSER_FLAGS
from toolrun.models.proof import ANALYSIS_HEADER, END
from toolrun.values import ToolCall, Usage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from toolrun.models.doctor.report import Finding
    from toolrun.models.door import Door

TOKENS = [11, 12, 13]


class Page:
    """What a GET gave."""

    def __init__(self, body: bytes, status: int = 200) -> None:
        self.body = body
        self.status = status


class Wire:
    """A server's answers, in order, by the end of the path: its last one is given again."""

    base_url = "http://server/v1"
    root = "http://server"

    def __init__(self, **answers: Any) -> None:
        self._answers = {name: [*of] for name, of in answers.items()}
        self.bodies: list[Any] = []

    async def post(self, path: str, body: bytes) -> bytes:
        self.bodies.append(msgspec.json.decode(body))
        return msgspec.json.encode(self._next(path))

    async def stream(self, path: str, body: bytes, on_read: Callable[[bytes], bool]) -> bool:
        del body
        return any(on_read(each) for each in self._next(path))

    async def look(self, path: str, seconds: float) -> Page:
        del seconds
        answer = self._next(path)
        assert isinstance(answer, Page)
        return answer

    def _next(self, path: str) -> Any:
        of = self._answers[path.rpartition("/")[2]]
        answer = of.pop(0) if len(of) > 1 else of[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def check(
    make: Callable[[Patient], Awaitable[Finding]], dialect: Dialect = GENERIC, **answers: Any
) -> Awaitable[Finding]:
    return make(Patient(cast("Door", Wire(**answers)), dialect, "m"))


def reply(finish: str = "stop", prompt: int = 0, **said: Any) -> dict[str, Any]:
    choice = {"message": {"role": "assistant", **said}, "finish_reason": finish}
    return {"choices": [choice], "usage": {"prompt_tokens": prompt}}


def calling(arguments: Any = '{"city": "Paris"}', name: str = "get_weather") -> dict[str, Any]:
    return {"function": {"name": name, "arguments": arguments}}


LOST = {"choices": [{"message": {}, "finish_reason": "stop", "stop_reason": 200012}]}
"""vLLM stopped at the token that ends a call, and has none."""


def pieces(*texts: str, ends: bool = True) -> list[bytes]:
    said = [{"choices": [{"delta": {"content": text}}]} for text in texts]
    events = [b"data: " + msgspec.json.encode(each) + b"\n\n" for each in said]
    return [*events, b"data: [DONE]\n\n"] if ends else events


@pytest.mark.parametrize(
    ("stream", "verdict", "says"),
    [
        ([b"<html>"], "red", "no server-sent events"),
        (pieces("Hi."), "yellow", "too little"),
        (pieces("It is 20 degrees in Paris."), "yellow", "in one piece"),
        (pieces("It is 20 degrees", " in Paris.", ends=False), "yellow", "no [DONE]"),
        (pieces("It is 20 degrees", " in Paris."), "green", "2 pieces"),
    ],
)
async def test_a_stream(stream: list[bytes], verdict: str, says: str) -> None:
    found = await check(chat_checks.streaming, completions=[stream])
    assert (found.verdict, says in found.saw) == (verdict, True)


@pytest.mark.parametrize(
    ("said", "verdict", "says", "fix"),
    [
        (reply(tool_calls=[calling()]), "green", "get_weather", None),
        (reply(tool_calls=[1, calling()]), "green", "get_weather", None),
        (reply(tool_calls=[calling("{")]), "yellow", "no JSON", "tells the model"),
        (reply(tool_calls=[calling("[]")]), "yellow", "another call", "mends"),
        (reply(tool_calls=[calling(name="x")]), "yellow", "another call", "mends"),
        (LOST, "red", "the server lost it", PARSER_FLAGS),
        (reply(content="to=functions.get_weather"), "red", "came as text", PARSER_FLAGS),
        (reply("length", content="I w"), "yellow", "cut off", "again"),
        (reply(content="No."), "yellow", "did not call: 'No.'", "again"),
        (reply(), "yellow", "neither a call nor an answer", PARSER_FLAGS),
    ],
)
async def test_a_call(said: Any, verdict: str, says: str, fix: str | None) -> None:
    found = await check(chat_checks.tool_calling, vllm("0.32.0"), completions=[said])
    assert (found.verdict, says in found.saw) == (verdict, True)
    assert (fix or "None") in str(found.fix)


@pytest.mark.parametrize(
    ("said", "verdict", "says"),
    [
        (reply(reasoning="Hm.", reasoning_content="Hm."), "green", "`reasoning_content`"),
        (reply(content="<|channel|>analysis"), "red", "in the content"),
        (reply(content="Oslo."), "yellow", "did not reason"),
        (
            reply() | {"usage": {"completion_tokens_details": {"reasoning_tokens": 5}}},
            "red",
            "does not tell it",
        ),
    ],
)
async def test_reasoning_that_comes(said: Any, verdict: str, says: str) -> None:
    found = await check(chat_checks.reasoning_returned, completions=[said])
    assert (found.verdict, says in found.saw) == (verdict, True)


@pytest.mark.parametrize(
    ("calls", "verdict", "says"),
    [
        (None, "yellow", "did not call"),
        ([1], "yellow", "did not call"),
        ([calling()] * 2, "green", "2 calls"),
        ([calling()], "green", "one call a reply"),
    ],
)
async def test_several_calls(calls: Any, verdict: str, says: str) -> None:
    found = await check(chat_checks.parallel_calls, completions=[reply(tool_calls=calls)])
    assert (found.verdict, says in found.saw) == (verdict, True)


@pytest.mark.parametrize(
    ("said", "verdict", "says"),
    [
        (reply(content='{"celsius": 20}'), "green", "20"),
        (reply("length", content='{"cel'), "yellow", "cut off"),
        (reply(content='{"celsius": "20"}'), "yellow", "does not fit"),
        (reply(content=None), "yellow", "does not fit"),
    ],
)
async def test_a_format(said: Any, verdict: str, says: str) -> None:
    found = await check(chat_checks.structured_output, completions=[said])
    assert (found.verdict, says in found.saw) == (verdict, True)


@pytest.mark.parametrize(
    ("prompt", "verdict", "says"),
    [
        ([1, *ANALYSIS_HEADER, *TOKENS, END, 2], "green", "in their channel"),
        ([1, *TOKENS, 2], "yellow", "outside the channel"),
        ([1, 2], "red", "dropped: none of its 3 tokens"),
    ],
)
async def test_ids_of_a_prompt(prompt: list[int], verdict: str, says: str) -> None:
    said = reply() | {"prompt_token_ids": prompt}
    tokens = {"tokens": TOKENS}
    make = memory_checks.reasoning_taken_back
    found = await check(make, completions=[said], tokenize=[tokens])
    assert (found.verdict, says in found.saw) == (verdict, True)
    assert found.proof == "prompt_token_ids against the server's /tokenize"


async def test_ids_are_compared_with_harmony_s_where_the_server_has_none() -> None:
    from toolrun.models.harmony import vocabulary

    ids = [*ANALYSIS_HEADER, *vocabulary.load().encode(REASONING), END]
    said = reply() | {"prompt_token_ids": ids}
    gone = ServerError("no /tokenize")
    make = memory_checks.reasoning_taken_back
    found = await check(make, completions=[said], tokenize=[gone])
    assert (found.verdict, found.proof) == (
        "green",
        "prompt_token_ids against harmony's tokens of the text",
    )


async def test_without_harmony_the_tokens_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_checks, "has", lambda _: False)
    said = [reply() | {"prompt_token_ids": [1]}, reply(prompt=160), reply(prompt=100)]
    make = memory_checks.reasoning_taken_back
    found = await check(make, completions=said, tokenize=[ServerError("no /tokenize")])
    assert (found.verdict, found.proof) == ("green", memory_checks.COUNTED)


async def test_a_field_that_is_refused_is_done_without_and_other_errors_are_not() -> None:
    make = memory_checks.reasoning_taken_back
    refused = ServerStatus("no such field", 422)
    found = await check(make, completions=[refused, reply(prompt=160), reply(prompt=100)])
    assert found.verdict == "green"
    with pytest.raises(ServerStatus):
        await check(make, completions=[ServerStatus("broken", 500)])


@pytest.mark.parametrize(
    ("full", "bare", "verdict", "says"),
    [
        (160, 100, "green", "160 tokens with it"),
        (120, 100, "yellow", "a part of it"),
        (0, 100, "yellow", "does not count"),
        (104, 100, "red", "dropped"),
    ],
)
async def test_counts_of_a_prompt(full: int, bare: int, verdict: str, says: str) -> None:
    counts = [reply(prompt=full), reply(prompt=bare), reply(prompt=100)]
    make = memory_checks.reasoning_taken_back
    found = await check(make, ollama(), completions=counts)
    assert (found.verdict, says in found.saw) == (verdict, True)


@pytest.mark.parametrize(
    ("dialect", "fix"),
    [
        (vllm("0.32.0"), "vLLM 0.22 or later"),
        (litellm(), "forward_reasoning_content"),
        (ollama(), "else another server"),
    ],
)
async def test_each_server_that_drops_it_has_its_own_way_out(dialect: Dialect, fix: str) -> None:
    make = memory_checks.reasoning_taken_back
    found = await check(make, dialect, completions=[reply(prompt=100)])
    assert (found.verdict, fix in str(found.fix)) == ("red", True)


@pytest.mark.parametrize(("full", "verdict"), [(160, "green"), (100, "yellow")])
async def test_reasoning_over_responses(full: int, verdict: str) -> None:
    counts = [{"usage": {"input_tokens": each}} for each in (full, 100)]
    found = await check(memory_checks.responses_taken_back, responses=counts)
    assert (found.verdict, found.proof) == (
        verdict,
        "input_tokens with the reasoning and without it",
    )
    assert ("via" in str(found.fix)) is (verdict == "yellow")


def hits(number: Any) -> Page:
    return Page(f"# HELP\nvllm:prefix_cache_hits_total{{a}} {number}\n".encode())


@pytest.mark.parametrize(
    ("pages", "cached", "verdict", "says"),
    [
        ([hits(1)], 64, "green", "64 of 90"),
        ([hits(1), hits(65)], 0, "green", "64 tokens came"),
        ([hits(1)], 0, "yellow", "no token came"),
        ([hits("?")], 0, "yellow", "does not tell"),
        ([Page(b"")], 0, "yellow", "does not tell"),
        ([ServerUnreachable("x")], 0, "yellow", "does not tell"),
    ],
)
async def test_a_cache(pages: list[Any], cached: int, verdict: str, says: str) -> None:
    usage = {"prompt_tokens": 90, "prompt_tokens_details": {"cached_tokens": cached}}
    said = reply() | {"usage": usage}
    found = await check(memory_checks.prefix_cache, completions=[said], metrics=pages)
    assert (found.verdict, says in found.saw) == (verdict, True)


@pytest.mark.parametrize(
    ("output", "verdict"),
    [
        (None, "yellow"),
        ([], "yellow"),
        ([{"type": "message"}], "yellow"),
        ([{"type": "reasoning"}, {"type": "function_call"}], "green"),
    ],
)
async def test_responses(output: Any, verdict: str) -> None:
    found = await check(way_checks.responses, responses=[{"output": output}])
    assert found.verdict == verdict
    assert ("reasoning, function_call" in found.saw) is (verdict == "green")


@pytest.mark.parametrize(("status", "verdict"), [(200, "green"), (404, "yellow")])
async def test_a_store(status: int, verdict: str) -> None:
    wire: dict[str, Any] = {"responses": [{"id": "r1"}], "r1": [Page(b"{}", status)]}
    assert (await check(way_checks.responses_store, **wire)).verdict == verdict


@pytest.mark.parametrize(
    ("said", "verdict", "says"),
    [
        (ServerStatus("no", 404), "yellow", "not taken (404)"),
        (ServerUnreachable("gone"), "yellow", "not taken (gone)"),
        ({"choices": [{"text": "x"}]}, "yellow", "no token ids"),
        ({"choices": [{"token_ids": [1], "prompt_token_ids": [2]}]}, "yellow", "changed"),
        ({"choices": [{"token_ids": [1, 2]}]}, "green", "2 out"),
    ],
)
async def test_tokens(said: Any, verdict: str, says: str) -> None:
    found = await check(way_checks.tokens_in_and_out, completions=[said])
    assert (found.verdict, says in found.saw) == (verdict, True)


@pytest.mark.parametrize("said", [[], {}, {"choices": []}, {"choices": [{}]}])
async def test_what_is_no_reply_is_malformed(said: Any) -> None:
    with pytest.raises(MalformedOutput):
        await check(chat_checks.parallel_calls, completions=[said])
    with pytest.raises(ServerError):
        await check(chat_checks.parallel_calls, completions=[{"error": {"message": "no"}}])


def test_parts_of_a_reply() -> None:
    assert number({"a": {"b": 3}}, "a", "b") == 3
    assert number({"a": 1}, "a", "b") == number(None, "a") == number({"a": "1"}, "a") == 0
    assert message(reply(content="x"))["content"] == "x"
    with pytest.raises(MalformedOutput):
        first_choice({"choices": ["x"]})


class Lists:
    """A server whose list of models is one, or an error."""

    def __init__(self, listed: Any) -> None:
        self._listed = listed

    async def models(self) -> list[str]:
        if isinstance(self._listed, Exception):
            raise self._listed
        return [*self._listed]


@pytest.mark.parametrize(
    ("listed", "wanted", "chosen", "verdict"),
    [
        (MalformedOutput("none"), None, None, "red"),
        (MalformedOutput("none"), "m", "m", "yellow"),
        (ServerStatus("no", 404), "m", "m", "yellow"),
        (["a", "gpt-oss"], None, "gpt-oss", "green"),
        (["a"], None, None, "red"),
        ([], "m", None, "red"),
    ],
)
async def test_a_model(listed: Any, wanted: str | None, chosen: str | None, verdict: str) -> None:
    name, found = await examination._model(cast("Door", Lists(listed)), wanted)
    assert (name, found.verdict) == (chosen, verdict)


async def test_a_key_that_is_refused_ends_it() -> None:
    with pytest.raises(ServerStatus):
        await examination._model(cast("Door", Lists(ServerStatus("no", 401))), "m")


class Nano:
    """An embedded model whose steps are these."""

    def __init__(self, *steps: Any) -> None:
        self._steps = [*steps]
        self.closed = False

    async def sample(self, request: object) -> Any:
        del request
        step = self._steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    async def prove(self, *_: object) -> Any:
        return self._steps.pop(0)

    async def aclose(self) -> None:
        self.closed = True


class Proved:
    how = "by ids"

    def __init__(self, *, found: bool) -> None:
        self.found = found


CALLED = AssistantMessage(None, "Hm.", (ToolCall("c", "get_weather", "{}"),))
SAID = AssistantMessage("It is 21.", usage=Usage(1, 2, 3))


@pytest.mark.parametrize(
    ("steps", "verdicts"),
    [
        ([CALLED, SAID, Proved(found=True)], ["green", "green", "green"]),
        ([CALLED, SAID, Proved(found=False)], ["green", "red", "green"]),
        ([CALLED, ServerError("dead")], ["green", "red"]),
        ([SAID], ["red"]),
        ([ServerError("dead")], ["red"]),
    ],
)
async def test_the_embedded_model(
    steps: list[Any], verdicts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Nano(*steps)
    monkeypatch.setattr("toolrun.models.nano.sampler.nano", lambda: model)
    report = await embedded.examine_embedded()
    assert [each.verdict for each in report.checks] == verdicts
    assert report.works is ("red" not in verdicts)
    assert model.closed
