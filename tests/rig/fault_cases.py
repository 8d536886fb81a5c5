"""Which faults are there, and how do a real vLLM and the mock come to have them?

A case is a turn in which something goes wrong: what the real, scripted model samples, and what the
mock server answers. Both may be there, or one of them: a proxy's web page is no model's to make,
and no mock need guess at what only the real parser does.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from msgspec import structs

from tests.rig.mock_steps import Call, Fault, Step
from tests.rig.scripts import analysis, call, final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Texts: TypeAlias = Sequence[str | Sequence[str]]
"""A script for the real model, as `vllm_xargs: {"harmony": ...}` takes it."""

ANSWER: Final = "It is 20 degrees in Paris."
TIMES: Final = 4
"""How often a step is sampled, with the retries that a session has by default."""

CALL: Final = analysis("I need the weather.") + call("get_weather", '{"city":"Paris"}')
END: Final = analysis("Got it.") + final(ANSWER)
_BEGIN: Final = "<|start|>assistant"
_THOUGHT: Final = "<|channel|>analysis<|message|>Hm.<|end|>"
_WEATHER: Final = Call("get_weather", '{"city":"Paris"}')
_ANSWERS: Final = Step("Got it.", ANSWER)


@dataclass(frozen=True)
class Case:
    """One fault.

    Attributes:
        name: as a row of the page has it.
        known: the issues that tell of it, of vllm-project/vllm where no other project is named.
        texts: the script of the real model; None where it cannot have the fault.
        steps: the steps of the mock; None where it cannot.
        max_tokens: of a step.
        silence: seconds that the session waits for a byte; None for its default.
        settings: what the mock server is, beside its version; a real one is then started for it.
    """

    name: str
    known: str = ""
    texts: Texts | None = None
    steps: tuple[Step, ...] | None = None
    max_tokens: int | None = None
    silence: float | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def xargs(self) -> dict[str, Any]:
        """The extra fields of a request that has the real model follow the script."""
        return {"vllm_xargs": {"harmony": json.dumps(self.texts)}}


def question() -> str:
    """A question that no other turn asks: its prompts are sampled for the first time."""
    return f"How warm is Paris? ({uuid.uuid4().hex})"


def _step(fault: Fault | None = None, arguments: str | None = None, **more: Any) -> Step:
    made = _WEATHER if arguments is None else Call("get_weather", arguments)
    return Step("I need the weather.", tool_calls=(made,), fault=fault, **more)


def _mocked(fault: Fault | None, **more: Any) -> tuple[Step, ...] | None:
    return None if fault is None else (_step(fault, **more), _ANSWERS)


def _passing(name: str, known: str, text: str | None, fault: Fault | None) -> Case:
    """A fault that is gone when the same step is sampled again."""
    texts = None if text is None else [[text, CALL], END]
    return Case(name, known, texts, _mocked(fault, fault_times=1))


def _lasting(name: str, known: str, text: str | None, fault: Fault | None) -> Case:
    """A fault that a step meets each time it is sampled, until the turn is over."""
    texts = None if text is None else [[*[text] * TIMES, CALL], END]
    return Case(name, known, texts, _mocked(fault))


def _both(name: str, known: str, text: str | None, fault: Fault) -> Iterator[Case]:
    yield _passing(f"{name}, once", known, text, fault)
    yield _lasting(f"{name}, each time", known, text, fault)


def _called(name: str, known: str, header: str, step: Step | None) -> Case:
    """A call under another header."""
    texts = [f'{_THOUGHT}{_BEGIN}{header}<|message|>{{"city":"Paris"}}<|call|>', END]
    return Case(name, known, texts, None if step is None else (step, _ANSWERS))


def _arguments(name: str, known: str, arguments: str) -> Case:
    """A call with these arguments, each time that it is sampled."""
    text = analysis("I need the weather.") + call("get_weather", arguments)
    return Case(name, known, [text, END], (_step(arguments=arguments), _ANSWERS))


def _messages() -> Iterator[Case]:
    """What the model says has no use, or is not taken for what it is."""
    yield Case("nothing is wrong", "", [CALL, END], (_step(), _ANSWERS))
    malformed = f"{_THOUGHT}<|channel|>final<|message|>Oops.<|return|>"
    known = "#23567, #51977, #46464"
    yield from _both("a header that is malformed", known, malformed, "malformed_header")
    header = "<|channel|>commentary to=functions.get_weather code json"
    twice = f"{_THOUGHT}{_BEGIN}{header}<|message|>{{}}<|call|>"
    yield _passing("a call's header with a word too many", known, twice, "header_500")
    helper = f"{_THOUGHT}<|start|>helper<|channel|>final<|message|>Hm.<|return|>"
    yield _passing("a role that there is not", known, helper, "header_200")
    empty = "<|channel|>final<|message|><|return|>"
    for case in _both("an empty message", "#41902, #45736", empty, "null_content"):
        steps = tuple(structs.replace(step, reasoning=None) for step in case.steps or ())
        yield replace(case, steps=steps)
    thought = "<|channel|>analysis<|message|>I only think.<|return|>"
    yield from _both("reasoning alone", "#41902, #45736", thought, "analysis_only")
    yield _passing("a text without a header", "", "It is warm.<|return|>", None)
    yield _passing("no token but the last one", "", "", None)
    leaked = (
        f"{_THOUGHT}{_BEGIN}<|channel|>final<|message|>So:<|channel|>final<|message|>Hi<|return|>"
    )
    yield from _both("harmony markup in the content", "#32587", leaked, "markup_in_content")
    builtin = (
        f'{_THOUGHT}{_BEGIN}<|channel|>analysis to=browser.search code<|message|>{{"q":1}}<|call|>'
    )
    yield _passing("a call of a built-in tool", "#27385", builtin, None)


def _calls() -> Iterator[Case]:
    """Calls whose names or arguments are wrong."""
    header = " to=functions.get_weather<|channel|>commentary<|channel|>commentary<|constrain|>json"
    yield _called("a channel in the name", "#32587", header, _step("name_with_channel"))
    header = "<|channel|>commentary to=functions.functions.get_weather <|constrain|>json"
    yield _called("`functions.` in the name", "#31677", header, _step("name_with_namespace"))
    header = "<|channel|>analysis to=functions.get_weather <|constrain|>json"
    yield _called("a call on the analysis channel", "#27385", header, None)
    header = "<|channel|>commentary to=functions.get_weather_v2 <|constrain|>json"
    yield _called("a tool that there is not", "#27385", header, _step("unknown_tool"))
    cut = analysis("I need the weather.") + call("get_weather", '{"city":"Pa')
    known = "#53269, #47963"
    yield from _both("arguments that end too early", known, cut, "hidden_truncation")
    broken = analysis("I need the weather.") + call("get_weather", '{"city": Paris!}')
    yield from _both("arguments that are no JSON", "#22386", broken, "invalid_json")
    yield _arguments("text after the arguments", "", '{"city":"Paris"} and so on')
    yield _arguments("arguments without their last brace", "", '{"city":"Paris"')
    yield _arguments("arguments in a code fence", "", '```json\n{"city":"Paris"}\n```')
    yield _arguments("arguments that do not fit the schema", "", '{"city":7}')
    yield _arguments("no arguments at all", "", "")
    yield Case("arguments 10,000 levels deep", "", None, (_step("deep_json"), _ANSWERS))
    rome = call("get_weather", '{"city":"Rome"}')
    two = CALL.replace("<|call|>", "<|end|>") + _BEGIN + rome
    both = (_WEATHER, Call("get_weather", '{"city":"Rome"}'))
    steps = (Step("I need both.", tool_calls=both), _ANSWERS)
    yield Case("two calls in a message", "", [two, END], steps)
    yield Case("two calls, the first ends the sampling", "", [CALL + _BEGIN + rome, END])
    yield Case("two calls with one id", "", None, (_step("duplicate_ids"), _ANSWERS))
    yield _passing("more than 256 calls in a message", "", None, "many_calls")
    yield _passing("a call longer than 1 MiB", "", None, "huge_arguments")


def _limits() -> Iterator[Case]:
    """Messages that run out of tokens."""
    cut: dict[str, Any] = {"finish_reason": "length"}
    reasons = Step("I need", **cut)
    yield Case("`max_tokens` ends the reasoning", "", [CALL, END], (reasons,), 5)
    leaks = Step("I need the weather.", "<|start|>assistant<|channel|>commentary to", **cut)
    yield Case("`max_tokens` ends a header", "", [CALL, END], (leaks,), 15)
    half = _step(arguments='{"city":"', usage={"completion_tokens": 25})
    yield Case("`max_tokens` ends the arguments", "#53269", [CALL, END], (half,), 25)
    answers = Step("Got it.", "It is", **cut)
    yield Case("`max_tokens` ends the answer", "", [END], (answers,), 12)


def _streams() -> Iterator[Case]:
    """What streams alone have wrong."""
    yield _passing("a streamed call whose name is lost", "#26083", None, "garbled_calls")
    yield _passing("a streamed call that turns up in the reasoning", "#27641", None, "lost_calls")
    both = (_WEATHER, Call("get_weather", '{"city":"Rome"}'))
    merged = Step("I need both.", tool_calls=both, fault="merged_calls")
    yield Case("streamed calls under one index", "#30204", None, (merged, _ANSWERS))
    yield _passing("a stream without a finish_reason", "", None, "no_finish")
    yield _passing("a stream that just stops", "", None, "cut")
    yield _passing("half a chunk, or half a reply", "", None, "truncated_json")
    yield _passing("an error of status 503 in mid-stream", "", None, "sse_503")
    yield _passing("rubbish after `[DONE]`", "", None, "after_done")


def _servers() -> Iterator[Case]:
    """Servers that are busy, away, misconfigured, or something else."""
    yield from _both("HTTP 503", "", None, "http_503")
    for fault in ("http_408", "http_425", "http_429", "http_500", "http_502", "http_504"):
        yield _passing(f"HTTP {fault[-3:]}, once", "", None, fault)
    yield _lasting("HTTP 400", "", None, "http_400")
    yield _passing("a reply that the server gives up", "", None, "aborted")
    yield from _both("a connection that ends before the reply", "", None, "closed_early")
    yield _passing("a connection that ends in mid-reply", "", None, "closed_midway")
    yield _passing("a web page for an answer", "", None, "html")
    yield _passing("an empty reply", "", None, "empty_body")
    yield _passing("a reply that cannot be unpacked", "", None, "gzip_garbage")
    silent = (_step("hang_early", fault_times=1), _ANSWERS)
    yield Case("silence before the first byte", "", None, silent, silence=0.3)
    silent = (_step("hang_midway", fault_times=1), _ANSWERS)
    yield Case("silence in mid-reply", "", None, silent, silence=0.3)
    parsers = {"tool_parser": False}
    yield Case("no tool parser", "#48672", [CALL], (_step(), _ANSWERS), settings=parsers)


GROUPS: Final[Mapping[str, tuple[Case, ...]]] = {
    "What the model says": tuple(_messages()),
    "Calls": tuple(_calls()),
    "Running out of tokens": tuple(_limits()),
    "Streams": tuple(_streams()),
    "The server": tuple(_servers()),
}
"""All cases, by what they are about."""
CASES: Final[Mapping[str, Case]] = {case.name: case for group in GROUPS.values() for case in group}
