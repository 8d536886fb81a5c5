"""Is what the model writes read as it is meant: reasoning, text, calls, and what is cut or broken?

`test_harmony_properties.py` has the random ones.
"""

from __future__ import annotations

import json

import pytest

from tests.unit.models.harmony.said import ENCODING, analysis, call, final, text, tokens
from toolrun import MalformedOutput
from toolrun.models.harmony.parse import Parsed, ParsedCall, StepParser, parse
from toolrun.models.harmony.tokens import CALL, END

F = ParsedCall("f", "{}", "commentary")
THOUGHT = "<|channel|>analysis<|message|>Hm.<|end|>"


def read(said: str | list[int], *builtins: str, cut: bool = False) -> Parsed:
    parser = StepParser(ENCODING, builtins)
    parser.feed(tokens(said) if isinstance(said, str) else said)
    return parser.finish(cut=cut)


@pytest.mark.parametrize(
    "header",
    [
        "<|channel|>commentary to=functions.f <|constrain|>json",
        "<|channel|>commentary to=functions.f<|constrain|>json",
        "<|channel|>commentary to=functions.f",
        "<|channel|>commentary to=functions.f json",
        " to=functions.f<|channel|>commentary <|constrain|>json",
        " to=functions.f<|channel|>commentary json",
        " to=functions.f<|channel|>commentary",
        # What is glued together, or stands in another order, and has one meaning all the same.
        " to=functions.f<|channel|>commentary<|channel|>commentary<|constrain|>json",
        "<|channel|>commentary to=functions.f<|channel|>commentary<|constrain|>json",
        "<|channel|>commentaryto=functions.f<|constrain|>json",
        "<|channel|>commentary <|constrain|>json to=functions.f",
        "<|channel|>commentary to=functions.f to=functions.f",
        " to=functions.f",
    ],
)
def test_a_call_is_read_wherever_its_header_says_so(header: str) -> None:
    said = f"{header}<|message|>{{}}<|call|>"

    assert parse(ENCODING, tokens(said)).calls == (F,)
    later = parse(ENCODING, tokens(f"{THOUGHT}<|start|>assistant{said}"))
    assert (later.calls, later.reasoning) == ((F,), "Hm.")


@pytest.mark.parametrize(
    ("header", "channel"),
    [
        ("<|channel|>analysis to=functions.f", "analysis"),
        (" to=functions.f<|channel|>final", "final"),
    ],
)
def test_a_call_on_another_channel_is_a_call_on_that_channel(header: str, channel: str) -> None:
    found = parse(ENCODING, tokens(f"{header}<|message|>{{}}<|call|>"))

    assert found.calls == (ParsedCall("f", "{}", channel),)
    assert found.reasoning is None
    assert found.content is None


def test_the_own_tools_of_the_model_are_ordinary_calls() -> None:
    python = "<|channel|>analysis to=python code<|message|>print('é')\n<|call|>"
    search = '<|channel|>analysis to=browser.search<|message|>{"query":"x"}<|call|>'

    (code,) = parse(ENCODING, tokens(python), ["python"]).calls
    assert (code.name, json.loads(code.arguments)) == ("python", {"code": "print('é')\n"})
    assert code.channel == "analysis"
    assert parse(ENCODING, tokens(search), ["browser_search"]).calls == (
        ParsedCall("browser_search", '{"query":"x"}', "analysis"),
    )
    # Not declared, it is a call of whatever it is, in its own words.
    assert parse(ENCODING, tokens(python)).calls[0].arguments == "print('é')\n"


def test_texts_go_where_their_channel_says() -> None:
    said = analysis("One.") + "<|channel|>commentary<|message|>I look.<|end|><|start|>assistant"
    found = parse(ENCODING, tokens(said + analysis("Two.") + call("f", "{}")))

    assert (found.reasoning, found.content, found.calls) == ("One.\nTwo.", "I look.", (F,))
    assert found.reasoning_tokens == len(tokens("One.")) + len(tokens("Two."))


@pytest.mark.parametrize(
    "header", ["final <|constrain|>json", "final<|constrain|>json", "final json"]
)
def test_a_content_type_is_no_recipient(header: str) -> None:
    found = parse(ENCODING, tokens(f"<|channel|>{header}<|message|>{{}}<|return|>"))

    assert (found.content, found.calls) == ("{}", ())


@pytest.mark.parametrize(
    "said",
    [
        f"{THOUGHT}<|channel|>final<|message|>Oops.<|return|>",  # <|start|> is missing
        "Hello.<|return|>",
        "<|message|>Hello.<|return|>",
        "<|channel|><|message|>Hello.<|return|>",
        "<|channel|>finale<|message|>Hello.<|return|>",
        "<|channel|>final some words<|message|>Hello.<|return|>",
        "<|channel|>commentary to=functions.f to=functions.g<|message|>{}<|call|>",
        "<|channel|>commentary to=functions.<|message|>{}<|call|>",
        "<|channel|>commentary to=<|message|>{}<|call|>",
        "<|channel|>analysis<|channel|>final<|message|>Hello.<|return|>",
        f"{THOUGHT}<|start|>user<|message|>Hello.<|end|>",
        f"{THOUGHT}<|start|>nobody<|message|>Hello.<|end|>",
        f"{THOUGHT}<|start|>functions.f to=assistant<|channel|>commentary<|message|>1<|end|>",
        f"{THOUGHT}<|start|>assistant<|channel|>fin",
        "<|channel|>commentary<|message|>I look.<|end|><|start|>assistant<|channel|>oh<|message|>",
    ],
)
def test_what_could_mean_two_things_is_sampled_again(said: str) -> None:
    with pytest.raises(MalformedOutput) as caught:
        read(said)

    assert caught.value.code == "malformed-header"


def test_what_is_made_up_behind_a_call_is_no_part_of_the_step() -> None:
    two = call("f", "{}") + "<|start|>assistant" + call("g", "{}")
    made_up = "<|start|>functions.f to=assistant<|channel|>commentary<|message|>1<|end|>"
    found = parse(ENCODING, tokens(two + made_up + "<|start|>assistant" + final("One.")))

    assert [made.name for made in found.calls] == ["f", "g"]
    assert found.content is None
    assert (found.kept, found.closing) == (len(tokens(two)), ())


def test_what_is_made_up_behind_an_answer_is_no_part_of_the_step() -> None:
    answer = "<|channel|>final<|message|>Yes.<|end|>"
    found = parse(ENCODING, tokens(answer + "<|start|>user<|message|>And?<|end|>"))

    assert (found.content, found.kept, found.closing) == ("Yes.", len(tokens(answer)), ())


@pytest.mark.parametrize(
    ("said", "kept", "closing"),
    [
        (final("Yes."), -1, (END,)),
        (call("f", "{}"), 0, ()),
        ("<|channel|>commentary to=functions.f<|message|>{}<|return|>", -1, (CALL,)),
        ("<|channel|>final<|message|>Ye", 0, (END,)),
        ('<|channel|>commentary to=functions.f<|message|>{"a', 0, (CALL,)),
        (THOUGHT, 0, ()),
        (f"{THOUGHT}<|start|>assistant<|channel|>comm", -4, ()),
    ],
)
def test_later_prompts_go_on_from_what_is_whole(
    said: str, kept: int, closing: tuple[int, ...]
) -> None:
    ids = tokens(said)
    found = parse(ENCODING, ids)

    assert (found.kept - len(ids), found.closing) == (kept, closing)


def test_a_step_cut_off_in_its_first_header_leaves_nothing() -> None:
    found = parse(ENCODING, tokens("<|channel|>ana"))

    assert (found.kept, found.closing, found.content, found.reasoning) == (0, (), None, None)


def test_a_character_that_is_cut_between_tokens_comes_whole() -> None:
    pieces: list[str] = []
    parser = StepParser(ENCODING, on_text=pieces.append)
    ids = tokens("<|channel|>final<|message|>x 🧑‍🚀 y<|return|>")
    for token in ids:
        parser.feed([token])
    found = parser.finish(cut=False)

    assert found.content == "x 🧑‍🚀 y" == "".join(pieces)
    assert not any("\ufffd" in piece for piece in pieces)


def test_tokens_that_nobody_knows_lose_no_text() -> None:
    ids = [*tokens("<|channel|>final<|message|>"), 300_000, *tokens("still here"), 2**31]
    found = read(ids)

    assert found == parse(ENCODING, ids)
    assert text(tokens("still here")) in (found.content or "")


def test_the_name_of_a_call_is_told_at_its_header() -> None:
    names: list[str] = []
    parser = StepParser(ENCODING, on_call=names.append)
    ids = tokens(call("get_weather", '{"city":"Paris"}'))
    parser.feed(ids[: ids.index(200008) + 1])

    assert names == ["get_weather"]


def test_more_calls_than_any_model_means_are_refused() -> None:
    many = "<|start|>assistant".join([call("f", "{}")] * 257)

    with pytest.raises(MalformedOutput) as caught:
        read(many)
    assert caught.value.code == "too-many-calls"
