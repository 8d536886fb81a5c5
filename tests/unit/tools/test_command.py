"""Do arguments become the words of a command, and none of them an option?"""

from __future__ import annotations

from typing import Any

import pytest

from toolrun.tools.command import (
    MAX_ITEMS,
    Command,
    Group,
    Name,
    Refused,
    Word,
    parse_word,
    parse_words,
)


def command(*template: Any, **more: Any) -> Command:
    options = {"stdin": None, "dashes": frozenset(), "defaults": {}, **more}
    return Command(words=parse_words(template), **options)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("grep", ("grep",)),
        ("", ()),
        ("{a}", (Name("a"),)),
        ("--n={a}-{b}!", ("--n=", Name("a"), "-", Name("b"), "!")),
        ("{{{a}}}", ("{", Name("a"), "}")),
        ("{{a}}", ("{a}",)),
        ("x{{y", ("x{y",)),
    ],
)
def test_a_word_is_text_and_placeholders(text: str, pieces: tuple[Any, ...]) -> None:
    assert parse_word(text) == Word(pieces)


@pytest.mark.parametrize(("text", "what"), [("a{", "{"), ("}b", "}"), ("{}", "{}")])
def test_a_brace_alone_is_refused(text: str, what: str) -> None:
    with pytest.raises(ValueError, match="placeholder") as raised:
        parse_word(text)

    said = f"{text!r} has a {what} that is no placeholder; a brace is written twice"
    assert str(raised.value) == said


def test_a_list_in_a_template_is_a_group() -> None:
    assert parse_words(["ls", ["-n", "{n}"]]) == (
        Word(("ls",)),
        Group((Word(("-n",)), Word((Name("n"),)))),
    )


@pytest.mark.parametrize(
    ("word", "names", "whole"),
    [
        ("{a}", ("a",), "a"),
        ("a", (), None),
        ("", (), None),
        ("{a}{b}", ("a", "b"), None),
        ("x{a}", ("a",), None),
    ],
)
def test_what_a_word_takes(word: str, names: tuple[str, ...], whole: str | None) -> None:
    assert (parse_word(word).names, parse_word(word).whole) == (names, whole)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("text", ["text"]),
        ("", [""]),
        (7, ["7"]),
        (True, ["true"]),
        (1.5, ["1.5"]),
        (None, []),
        ([], []),
        (["a", 1, None], ["a", "1", ""]),
        ({"a": [1]}, ['{"a":[1]}']),
    ],
)
def test_a_value_as_words(value: Any, words: list[str]) -> None:
    assert command("p", "{a}", "end").argv({"a": value}) == ["p", *words, "end"]


@pytest.mark.parametrize(("value", "text"), [(None, ""), ("x", "x"), ([1], "[1]")])
def test_a_value_within_a_word_and_in_what_is_read(value: Any, text: str) -> None:
    both = command("p", "--a={a}", stdin=parse_word("<{a}>"))

    assert both.argv({"a": value}) == ["p", f"--a={text}"]
    assert both.input({"a": value}) == f"<{text}>".encode()


def test_what_is_left_out_has_its_default() -> None:
    both = command("p", "{a}", "{b}", stdin=parse_word("{a}{b}"), defaults={"a": "1", "b": "2"})

    assert both.argv({"b": "3"}) == ["p", "1", "3"]
    assert both.input({"b": "3"}) == b"13"


def test_nothing_is_read_by_default_and_what_is_no_unicode_is_replaced() -> None:
    assert command("p").input({"a": "x"}) == b""
    assert command("p", stdin=parse_word("{a}")).input({"a": "\ud800ü"}) == "?ü".encode()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, []),
        ({"n": 3}, []),
        ({"n": 3, "v": "x"}, ["-n", "3", "x"]),
        ({"n": True, "v": "x"}, ["-n", "x"]),
        ({"n": False, "v": "x"}, []),
        ({"n": None, "v": "x"}, []),
        ({"n": 0, "v": ""}, ["-n", "0", ""]),
    ],
)
def test_a_group_stands_as_a_whole_or_not_at_all(values: dict[str, Any], words: list[str]) -> None:
    assert command("p", ["-n", "{n}", "{v}"], "end").argv(values) == ["p", *words, "end"]


@pytest.mark.parametrize(
    ("template", "more"),
    [
        (["p", "{a}"], {}),
        (["p", "{a}{b}"], {}),
        (["p", "{b}", "{a}"], {"dashes": frozenset({"b"})}),
        (["p", "{b}{a}", "--"], {"dashes": frozenset({"b"})}),
    ],
)
def test_a_value_that_could_be_an_option_is_refused(
    template: list[str], more: dict[str, Any]
) -> None:
    with pytest.raises(Refused, match="must not begin with '-'"):
        command(*template, **more).argv({"a": "-rf", "b": "--"})


def test_what_is_refused_is_said_with_what_to_do() -> None:
    with pytest.raises(Refused) as raised:
        command("p", "{a}").argv({"a": "-" + "x" * 200})

    assert str(raised.value) == (
        f"a must not begin with '-': {'-' + 'x' * 99!r} could be taken for an option. If it is a "
        "path, write ./ before it"
    )


@pytest.mark.parametrize(
    ("template", "more"),
    [
        (["p", "--", "{a}"], {}),
        (["p", "x{a}"], {}),
        (["p", "--x={a}"], {}),
        (["p", "{a}"], {"dashes": frozenset({"a"})}),
        (["p", ["--", "{a}"]], {}),
    ],
)
def test_a_value_that_can_be_no_option_may_begin_with_a_dash(
    template: list[Any], more: dict[str, Any]
) -> None:
    assert command(*template, **more).argv({"a": "-rf"})[-1].endswith("-rf")


def test_after_the_authors_own_dashes_all_may_begin_so() -> None:
    assert command("p", "--", "x", "{a}", "{a}").argv({"a": "-r"}) == ["p", "--", "x", "-r", "-r"]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("a\0b", "a has a NUL character, which no command line can hold"),
        ("\ud800", "a is not valid Unicode"),
    ],
)
def test_what_no_command_line_can_hold_is_refused(value: str, why: str) -> None:
    for template in ("{a}", "x{a}"):
        with pytest.raises(Refused) as raised:
            command("p", template).argv({"a": value})
        assert str(raised.value) == why


def test_so_many_words_and_no_more_fit() -> None:
    assert len(command("p", "{a}").argv({"a": ["x"] * (MAX_ITEMS - 1)})) == MAX_ITEMS
    with pytest.raises(Refused) as raised:
        command("p", "{a}").argv({"a": ["x"] * MAX_ITEMS})

    assert str(raised.value) == f"a has {MAX_ITEMS} items; at most {MAX_ITEMS} words fit"
