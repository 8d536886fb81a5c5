"""Is a long text cut in its middle, in whole characters, and at once?"""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolrun.tools.results import cut, sound


def test_a_short_text_is_not_cut() -> None:
    assert cut("x" * 100, 100) == "x" * 100


def test_a_long_text_is_cut_in_the_middle() -> None:
    text = "a" * 60 + "MIDDLE" + "z" * 60

    assert cut(text, 100) == f"{'a' * 50}\n[... 26 bytes left out ...]\n{'z' * 50}"


def test_a_cut_never_splits_a_character_and_counts_what_it_drops() -> None:
    # 3 bytes each: 16 of 20 fit 50 bytes on each side, and 2 bytes stay unused on each.
    assert cut("€" * 100, 100) == f"{'€' * 16}\n[... {300 - 96} bytes left out ...]\n{'€' * 16}"


@pytest.mark.parametrize("letter", ["a", "€", "\ud800"])
def test_fifty_megabytes_are_cut_at_once(letter: str) -> None:
    text = letter * (50 * 1024 * 1024 // 3)
    began = time.process_time()
    short = cut(text, 16 * 1024)

    assert len(short.encode()) < 17 * 1024
    assert time.process_time() - began < 5


@given(st.text(st.characters()), st.integers(1, 40))
def test_a_cut_keeps_beginning_and_end_and_whole_characters(text: str, limit: int) -> None:
    short = cut(text, limit)
    whole = sound(text)
    if len(whole.encode()) <= limit:
        assert short == whole
        return
    head, _, rest = short.partition("\n[... ")
    missing, _, tail = rest.rpartition(" bytes left out ...]\n")
    kept = len((head + tail).encode())
    assert kept <= limit
    assert kept + int(missing) == len(whole.encode())
    assert whole.startswith(head)
    assert whole.endswith(tail)


def test_sound_text_stays() -> None:
    assert sound("ü😀\x00") == "ü😀\x00"
    assert sound("\udc80ü\ud83d") == "\ufffdü\ufffd"
