"""Is only what surrounds a call mended, and is what ends too early told from what is broken?"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from tests.rig.examples import examples
from toolrun.tools.malformed import diagnose
from toolrun.tools.repair import flaw_of, mend_arguments, mend_bare, plain_name
from toolrun.tools.validation import MAX_BYTES, ArgumentsInvalid, Validator, parse

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer"},
        "places": {"type": "array", "items": {"type": "string"}},
        "at": {"type": "object", "required": ["hour"]},
    },
    "required": ["city"],
    "additionalProperties": False,
}
VALIDATOR = Validator("weather", SCHEMA)
PARIS = '{"city": "Paris"}'


def fits(arguments: dict[str, Any]) -> bool:
    try:
        VALIDATOR.check(arguments)
    except ArgumentsInvalid:
        return False
    return True


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except json.JSONDecodeError:
        return False
    return True


def mended(text: str) -> str | None:
    return mend_arguments("weather", text, fits)


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("f", "f"),
        ("functions.f", "f"),
        ("f<|channel|>x", "f"),
        (" f ", "f"),
        ("functions. f <|", "f"),
        ("<|start|>", ""),
    ],
)
def test_a_plain_name(name: str, plain: str) -> None:
    assert plain_name(name) == plain


@pytest.mark.parametrize(
    "text",
    [
        PARIS + "\nI will call the tool now.",
        PARIS + "<|call|>",
        PARIS + "}",
        PARIS + " ]",
        PARIS + PARIS,
        PARIS + "\n" + '{ "city":"Paris" }',
        f"```json\n{PARIS}\n```",
        f"```\n{PARIS}```",
        f"```{PARIS}```",
        f"```json\r\n{PARIS}\r\n``` and so on",
        f"```json\n{PARIS}",
        f"{PARIS}\n```",
        "\ufeff" + PARIS,
        PARIS + "\x00\x00",
        f"\x00 {PARIS}\n\x00",
        '{"city": "Paris"',
        '{"city": "Paris" \n',
        '```json\n{"city": "Paris"\n```',
    ],
)
def test_what_surrounds_the_arguments_is_taken_away(text: str) -> None:
    after = mended(text)

    assert after is not None
    assert json.loads(after) == {"city": "Paris"}
    assert flaw_of(text) is not None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"city": "a", "places": ["b", "c"', {"city": "a", "places": ["b", "c"]}),
        ('{"city": "a", "at": {"hour": null', {"city": "a", "at": {"hour": None}}),
        ('{"city": "a", "at": {"hour": true}', {"city": "a", "at": {"hour": True}}),
        ('{"city": "a", "at": {"hour": [{}]', {"city": "a", "at": {"hour": [{}]}}),
        ('{"city": "}{[\\""', {"city": '}{["'}),
        ('{"city": "a", "days": 3 ', {"city": "a", "days": 3}),
    ],
)
def test_what_is_open_at_the_end_is_closed(text: str, value: Any) -> None:
    assert json.loads(str(mended(text))) == value


@pytest.mark.parametrize(
    "text",
    [
        PARIS,  # nothing to mend
        "",
        "  ",
        "{}",
        '{"city": 7}',  # JSON: the model's to correct
        '["Paris"]',
        '{"city": "Par',  # inside a string
        '{"city": "Paris\\"}',
        '{"city": "Paris", "days": 1',  # 1, or 12?
        '{"city": "Paris", "days": ',
        '{"city": "Paris", "da',
        '{"city": "Paris",',
        '{"city": ',
        '{"city"',
        "{",
        '{"days": 3 ',  # the city is not there
        '{"days": 3} and more',
        '{"city": "a", "at": {"x": 1 ',  # the hour is not there
        '{"city": Paris}',
        "{'city': 'Paris'}",
        '{"city": "Paris"}{"city": "Rome"}',  # which one?
        '{"city": "Paris"} or {"city": "Rome"}',
        PARIS + PARIS[:-3],
        '{"city": "Paris"}, "days": 3}',  # a brace too early: the rest belongs to it
        '{"city": "Paris"]',
        '{"city": "Paris", "places": ["a"}',
        'The call is {"city": "Paris"}',
        '"{\\"city\\": \\"Paris\\"}"',
        '{"city": "Paris", "unit": "C"',  # not in the schema
        '{"city": NaN} x',
        "\x00",
        "```json\n```",
        "}",
    ],
)
def test_nothing_is_guessed(text: str) -> None:
    assert mended(text) is None


@given(st.text(st.sampled_from('{}[]":,\\`a1 \n\x00<|tru\ud800'), max_size=40))
def test_a_mend_of_any_text_fits_and_stands_in_it(text: str) -> None:
    for near in (text, '{"city":"a"' + text, '{"city":"' + text):
        after = mended(near)
        if after is None:
            continue
        event("mended")
        assert fits(parse("weather", after))
        # A line end that stood in a string is written as JSON has it.
        assert after.rstrip("}]").replace("\\n", "\n") in near
        with pytest.raises(ArgumentsInvalid):
            parse("weather", near)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(), VALUES, min_size=1)


@settings(max_examples=examples(30))
@given(OBJECTS, st.data())
def test_every_beginning_of_an_object_is_truncated(value: Any, data: Any) -> None:
    text = json.dumps(value, ensure_ascii=data.draw(st.booleans()))
    at = data.draw(st.integers(1, len(text) - 1))

    assert flaw_of(text) is None
    assert flaw_of(text[:at]) == "truncated"


@settings(max_examples=examples(30))
@given(OBJECTS, st.data())
def test_a_letter_that_is_no_json_makes_it_garbled(value: Any, data: Any) -> None:
    text = json.dumps(value)
    at = data.draw(st.integers(0, len(text)))
    broken = text[:at] + "~" + text[at:]
    assume(not is_json(broken))  # else it fell into a string

    assert flaw_of(broken) == "garbled"


@pytest.mark.parametrize(
    ("text", "flaw"),
    [
        ("", None),
        ("{}", None),
        ('{"city":', "truncated"),
        ('{"city": Paris}', "garbled"),
        ('{"city": "a\\', "truncated"),
        ('{"city": "\\u00', "truncated"),
        ('{"city": "\\u00zz"}', "garbled"),
        ('{"city": "\\x"}', "garbled"),
        ('{"n": -', "truncated"),
        ('{"n": 1.', "truncated"),
        ('{"n": 1e+', "truncated"),
        ('{"n": fals', "truncated"),
        ('{"n": falsy', "garbled"),
        ('{"n": 01}', "garbled"),
        ('{"a": 1,}', "garbled"),
        ('{"a": 1} {"a": 2}', "garbled"),
        ("nonsense", "garbled"),
        ("```", "garbled"),
        ("[1]", None),
        ('"x"', None),
        ('{"n": NaN}', None),
        ('{"n": -Infinity}', None),
        ('{"n": 1e999}', None),
        ('{"n": "\\ud800"}', None),
        ('{"n": "\ud800"}', None),
        ('{"n": "a\nb"}', None),
        ("[" * 100_000, None),
        ('{"n": "' + "x" * MAX_BYTES, None),
    ],
)
def test_a_flaw(text: str, flaw: str | None) -> None:
    assert flaw_of(text) == flaw


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"n": NaN}', "NaN is not JSON; give a number, null or a string"),
        ('{"n": 1e999999}', "the number 1e999999 is out of range"),
        ('{"n": ' + "1" * 100_000 + "}", "a number of 100000 digits is too long; at most 4300"),
        ('{"n": "\\ud800"}', "half of a surrogate pair"),
        ('{"n": "a\nb"}', "a control character at character 8 must be written as an escape"),
        ('{"n": ', "it ends before it is complete"),
        ('{"n": Paris}', "Expecting value at character 6, near"),
        ("[" * 100_000, "nested too deep"),
    ],
)
def test_what_is_wrong_is_said(text: str, why: str) -> None:
    assert why in diagnose(text).why


def test_what_is_quoted_is_escaped_and_short() -> None:
    said = diagnose('{"n": <|call|>\x1b[31m"\n' + "é" * 10_000).why

    assert said.isascii()
    assert said.isprintable()
    assert len(said) < 200


FULL = MAX_BYTES - 10


@pytest.mark.parametrize(
    "text",
    [
        '{"city": "' + '\\"' * (FULL // 2),
        '{"city": "' + "a" * FULL,
        PARIS + PARIS * (FULL // len(PARIS)),
        PARIS + "}" * FULL,
        '{"city": ["",' + '"",' * (FULL // 4),
        '{"city": [' + "[" * 1000 + "{}," * (FULL // 4),
        "{" * FULL,
        "```json" * (FULL // 7),
        "\x00" * FULL,
        "\ufeff" * (FULL // 3),
        '{"n": ' + "1" * FULL,
        '{"n": 0.' + "1" * FULL,
        '{"n": 1e' + "9" * FULL,
        '{"n": "' + "\\u00" * (FULL // 4),
        '{"city": "a", "places": ["b"' + ', "b"' * (FULL // 5),
        "x" * (50 * 1024 * 1024),
    ],
    ids=range(16),
)
def test_hostile_texts_take_bounded_time(text: str) -> None:
    began = time.process_time()
    mended(text)
    flaw_of(text)
    diagnose(text[:MAX_BYTES])

    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("print(1)", "print(1)"),
        ('"print(1)"', "print(1)"),
        ("7", "7"),
        ("[1]", "[1]"),
        ('{"code": "print(1)"}', None),
        ('{"code": "pri', None),
        ("  ", None),
        ("", None),
        ("x" * (MAX_BYTES + 1), None),
    ],
)
def test_a_bare_text_stands_for_its_argument(text: str, mended: str | None) -> None:
    expected = None if mended is None else json.dumps({"code": mended})

    assert mend_bare(text, "code", "") == expected


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("*** Begin\n+x", "*** Begin\n+x"),
        ('"*** Begin\\n+x"', "*** Begin\n+x"),
        ('{"any": "*** Begin"}', "*** Begin"),
        ('{"any": " *** Begin"}', " *** Begin"),
        ('{"patch": "*** Begin"}', None),
        ('{"any": "*** Begin", "more": 1}', None),
        ('{"any": 1}', None),
        ("+x", None),
        ('"+x"', None),
        ("[" * 100_000, None),
    ],
)
def test_a_bare_text_begins_as_it_must(text: str, mended: str | None) -> None:
    expected = None if mended is None else json.dumps({"patch": mended})

    assert mend_bare(text, "patch", "*** Begin") == expected
