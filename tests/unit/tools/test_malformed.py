"""Is a text that is no JSON told apart: too short, broken, or with a value that has no place?"""

from __future__ import annotations

import pytest

from toolrun.tools.malformed import MAX_DIGITS, Fault, diagnose

ENDS = Fault("truncated", "it ends before it is complete")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \t\r\n",
        "{",
        '{"a"',
        '{"a":',
        '{"a":1',
        '{"a":1,',
        '{"a": [1, \n',
        '"a',
        r'"\u',
        r'"\u00e',
        r'"a\u00',
        "1.",
        "-1.5e+",
        "t",
        "[fals",
        "[nul",
        "[-",
        "[-Infinit",
        "[Na",
        "[1.",
        "[1.5e",
        "[1E+",
        "[1.25e-",
    ],
)
def test_more_text_could_make_it_json(text: str) -> None:
    assert diagnose(text) == ENDS


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x", 'Expecting value at character 0, near "x"'),
        ("[X", 'Expecting value at character 1, near "[X"'),
        ("[truth", 'Expecting value at character 1, near "[truth"'),
        ("[true false", "Expecting ',' delimiter at character 6, near \"[true false\""),
        ("[1.x", "Expecting ',' delimiter at character 2, near \"[1.x\""),
        ("[1e+]", "Expecting ',' delimiter at character 2, near \"[1e+]\""),
        ("[1,\u00a0", 'Expecting value at character 3, near "[1,\\u00a0"'),
        ("1 .5e", 'Extra data at character 2, near "1 .5e"'),
        (r'["\u00g', r'Invalid \uXXXX escape at character 3, near "[\"\\u00g"'),
        (
            "[" + "1," * 30 + "x" + ",1" * 30 + "]",
            'Expecting value at character 61, near "' + "1," * 12 + "x" + ",1" * 11 + ',"',
        ),
    ],
)
def test_nothing_could_make_it_json(text: str, why: str) -> None:
    assert diagnose(text) == Fault("garbled", why)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[NaN]", "NaN is not JSON; give a number, null or a string"),
        ("[-Infinity, NaN]", "-Infinity is not JSON; give a number, null or a string"),
        ("1" * (MAX_DIGITS + 1), "a number of 4301 digits is too long; at most 4300"),
        ("1e999", "the number 1e999 is out of range"),
        ("-1e999", "the number -1e999 is out of range"),
        ("1" * 20 + "e999", f"the number {'1' * 20}e999 is out of range"),
        ("1" * 21 + "e999", f"the number {'1' * 21}e99... is out of range"),
        ("[" * 200_000, "it is nested too deep"),
        (
            '["a\nb"]',
            (
                "a control character at character 3 must be written as an escape such as \\n, "
                'near "[\\"a\\nb\\"]"'
            ),
        ),
        (r'"\ud800"', r"it has half of a surrogate pair (\ud800 to \udfff), which is no text"),
    ],
)
def test_a_value_in_it_has_no_place_in_json(text: str, why: str) -> None:
    assert diagnose(text) == Fault("unfit", why)


def test_a_number_of_as_many_digits_as_fit_is_not_to_blame() -> None:
    assert diagnose(f"[{'1' * MAX_DIGITS}, NaN]").why.startswith("NaN")
