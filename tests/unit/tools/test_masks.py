"""Are secrets kept out of what a tool says, however it says them?"""

from __future__ import annotations

import base64
import html
import json
import re
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolrun.tools.listener import Listener
from toolrun.tools.masks import Mask, MaskedOutput, Pieces, Stream, masked

TOKEN = 'ghp_"x/y+z=ä\\42&'
MASK = Mask({"TOKEN": TOKEN})
SHOWN = "[secret TOKEN]"


@pytest.mark.parametrize(
    "form",
    [
        TOKEN,
        TOKEN.upper(),
        json.dumps(TOKEN)[1:-1],
        json.dumps(TOKEN, ensure_ascii=False)[1:-1],
        repr(TOKEN)[1:-1],
        repr(TOKEN.encode())[2:-1],
        urllib.parse.quote(TOKEN),
        urllib.parse.quote(TOKEN, safe=""),
        urllib.parse.quote_plus(TOKEN),
        urllib.parse.quote_plus(TOKEN)
        .replace("%2F", "%2f")
        .replace("%C3%A4", "%c3%a4")
        .replace("%5C", "%5c")
        .replace("%2B", "%2b")
        .replace("%3D", "%3d"),
        html.escape(TOKEN),
        TOKEN.encode().hex(),
        TOKEN.encode().hex().upper(),
    ],
)
def test_a_secret_is_masked_however_it_is_written(form: str) -> None:
    assert MASK.text(f"before {form} after {form}") == f"before {SHOWN} after {SHOWN}"


@pytest.mark.parametrize("before", ["", "u", "us", "use", "user:"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_secret_inside_of_base64_is_masked(before: str, encode: object) -> None:
    assert callable(encode)
    encoded = encode((before + TOKEN + "\n").encode()).decode()

    masked = MASK.text(f"Basic {encoded}!")

    assert SHOWN in masked
    left = "".join(masked.split("Basic ")[1].split(SHOWN)).rstrip("!=")
    assert len(left) <= len(before) * 2 + 5


def test_each_line_of_a_key_is_masked() -> None:
    lines = ["-----BEGIN KEY-----", "MIIEvQIBADANBgkqhkiG9w0", "AQEFAASCBKcwggSjAgEAAoIB"]
    mask = Mask({"KEY": "\n".join(lines) + "\n"})

    assert mask.text(f"  {lines[1]}\n> {lines[2]}") == "  [secret KEY]\n> [secret KEY]"


def test_what_is_no_secret_stays() -> None:
    assert MASK.text("ghp_ is how they begin") == "ghp_ is how they begin"
    assert not Mask({})
    assert Mask({}).text("x") == "x"


def test_secrets_inside_of_each_other_leave_nothing() -> None:
    mask = Mask({"SHORT": "abcdef", "LONG": "xxabcdefyy"})

    assert (
        mask.text("xxabcdefyy abcdef xxabcdefy") == "[secret LONG] [secret SHORT] xx[secret SHORT]y"
    )


def test_an_end_that_was_cut_off_takes_a_part_of_a_secret_with_it() -> None:
    assert MASK.text('said ghp_"x', cut="tail") == f"said {SHOWN}"
    assert MASK.text("=ä\\42& was said", cut="head") == f"{SHOWN} was said"
    assert MASK.text("said ghp", cut="tail") == "said ghp"
    assert MASK.text("said ggghp_", cut="tail") == f"said gg{SHOWN}"


def test_a_secret_may_hold_bytes_that_are_no_text() -> None:
    mask = Mask({"KEY": "sk-\udcff-0123"})  # as Python reads such a variable of the environment

    assert mask.text("it is sk-\udcff-0123!") == "it is [secret KEY]!"
    assert mask.text("it is sk-\\udcff-0123!") == "it is [secret KEY]!"


@given(st.lists(st.integers(1, 9), max_size=30), st.text(max_size=5), st.text(max_size=5))
def test_a_stream_masks_a_secret_over_any_pieces(sizes: list[int], before: str, after: str) -> None:
    text = f"{before}{TOKEN}{after}{TOKEN}"
    stream = Stream(MASK)
    said, at = "", 0
    for size in sizes:
        said += stream.feed(text[at : at + size])
        at += size
    said += stream.feed(text[at:]) + stream.finish()

    assert said == MASK.text(text)


@given(
    st.lists(st.text("ab", min_size=6, max_size=8), min_size=1, max_size=3),
    st.lists(st.text("ab", max_size=6), max_size=6),
)
def test_a_stream_of_secrets_that_overlap_tells_as_little_as_the_whole(
    values: list[str], pieces: list[str]
) -> None:
    mask = Mask({f"S{number}": value for number, value in enumerate(values)})
    stream = Stream(mask)
    said = "".join(map(stream.feed, pieces)) + stream.finish()

    whole = mask.text("".join(pieces), cut="tail")
    assert re.sub(r"(\[secret S\d\])+", "*", said) == re.sub(r"(\[secret S\d\])+", "*", whole)


@given(st.lists(st.integers(1, 9), max_size=30))
def test_pieces_tell_at_most_three_characters(sizes: list[int]) -> None:
    pieces, said, at = Pieces(MASK), [], 0
    for size in [*sizes, len(TOKEN)]:
        said.append(pieces.piece(TOKEN[at : at + size]))
        at += size

    assert len("".join(said).replace(SHOWN, "")) <= 3


def test_pieces_that_are_none_stay_as_they_are() -> None:
    pieces = Pieces(MASK)

    assert [pieces.piece(each) for each in ("one", "", "two g", "three")] == [
        "one",
        "",
        "two g",
        "three",
    ]


def test_a_stream_holds_back_only_what_may_be_a_secret() -> None:
    stream = Stream(MASK)

    assert stream.feed("a line\n") == "a line\n"
    assert stream.feed("ghp_") == ""
    assert stream.feed("other") == "ghp_other"
    assert stream.feed("ghp_") == ""
    assert stream.finish() == SHOWN


def test_a_stream_of_a_repeating_secret_holds_back_so_much() -> None:
    stream = Stream(Mask({"A": "aaaaaaaa"}))

    said = "".join(stream.feed("a" * 100) for _ in range(1000)) + stream.finish()

    assert "a" * 8 not in said
    assert len(stream._held) < 1000


def test_output_is_masked_stream_by_stream() -> None:
    told: list[tuple[str, str]] = []
    output = MaskedOutput(lambda stream, text: told.append((stream, text)), MASK)
    output("stdout", TOKEN[:6])
    output("stderr", "err " + TOKEN[:6])
    output("stdout", TOKEN[6:] + "\n")
    output("progress", f'"{TOKEN}"')
    output.finish()

    assert told == [
        ("stderr", "err "),
        ("stdout", f"{SHOWN}\n"),
        ("progress", f'"{SHOWN}"'),
        ("stderr", SHOWN),
    ]


def test_a_request_tells_no_secret_in_any_of_its_words() -> None:
    told: list[tuple[object, ...]] = []
    with masked(
        Listener(egress=lambda *words: told.append(words)), Mask({"KEY": "hunter22"})
    ) as it:
        assert it.egress is not None
        it.egress("hunter22.example.org", 443, "HUNTER22", "hunter22 is no host")

    assert told == [
        ("[secret KEY].example.org", 443, "[secret KEY]", "[secret KEY] is no host"),
    ]
