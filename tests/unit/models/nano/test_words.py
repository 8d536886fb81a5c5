"""Which tokens can the embedded model say after a prompt, besides those that it learned?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.models.nano import small
from toolrun.models.harmony import vocabulary
from toolrun.models.nano.sampler import NanoSampler

if TYPE_CHECKING:
    from toolrun.models.nano.words import Words


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Words:
    path = small.write(tmp_path_factory.mktemp("nano") / "small.safetensors")
    return NanoSampler(path).voice().words


def ids(text: str) -> list[int]:
    return list(vocabulary.load().encode(text, allowed_special="all"))


def says(words: Words, prompt: str) -> set[int]:
    read = ids(prompt)
    return {*words.learned.tolist(), *words.sayable(read).tolist()}


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("go to Lisbon", "Lisbon"),
        ("go to Lisbon", ".Lisbon"),
        ("what is bitcoin at?", "Bitcoin"),
        ("what is bitcoin at?", " Bitcoin"),
        ("what is Bitcoin at?", "bitcoin"),
    ],
)
def test_a_word_of_the_prompt_can_begin_behind_another_sign_and_with_another_first_letter(
    words: Words, prompt: str, text: str
) -> None:
    assert ids(text)[0] in says(words, prompt)
    assert ids(text)[0] not in says(words, "and")


def test_a_word_of_several_tokens_can_begin_as_it_does_behind_a_dot(words: Words) -> None:
    begins = ids(".thrain")[0]
    assert begins in words.sayable(ids("t") + ids("hrain"))
    assert begins not in words.sayable(ids("hrain") + ids("t"))


def test_words_do_not_go_on_across_marks(words: Words) -> None:
    assert words._read_words(ids("Reyk") + ids("javik")) == {"Reykjavik"}
    assert words._read_words(ids("Reyk<|end|>javik")) == {"Reyk", "javik"}


def test_a_slice_of_python_can_be_written_where_none_was_read(words: Words) -> None:
    (sign,) = ids("[::-")
    assert sign in words.sayable(ids("Reverse the text"))
