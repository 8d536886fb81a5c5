"""Are tokens where their spelling says, on every machine?"""

from __future__ import annotations

import numpy as np

from toolrun.models.nano.codes import vectors

_SPELLED = {
    "Paris": ("Paris",),
    " Paris": (" Paris",),
    ".Paris": (".", "Paris"),
    "Utrecht": ("U", "trecht"),
    " Utrecht": (" Utrecht",),
}


def _spell(text: str) -> tuple[str, ...]:
    return _SPELLED.get(text, (text,))


def _near(one: str, other: str) -> float:
    rows = vectors([(1, one), (2, other)], _spell, 256)
    return float(rows[0] @ rows[1])


def test_a_word_is_near_itself_after_a_space() -> None:
    assert _near(" Paris", "Paris") > 0.8
    assert abs(_near(" Paris", "trecht")) < 0.5


def test_a_word_is_near_the_tokens_that_spell_it_without_a_space_the_first_one_nearest() -> None:
    first, second = _near(" Utrecht", "U"), _near(" Utrecht", "trecht")
    assert first > second > _near(" Utrecht", "Paris") + 0.15


def test_vectors_have_length_one_and_marks_have_one_too() -> None:
    rows = vectors([(5, " a"), (200_006, None), (7, "12")], _spell, 64)
    assert np.allclose((rows * rows).sum(1), 1, atol=1e-5)


def test_vectors_are_the_same_everywhere() -> None:
    row = vectors([(11, " Paris")], _spell, 64)[0]
    assert np.allclose(
        row[:6],
        [
            -0.19460000097751617,
            0.11670000106096268,
            0.22789999842643738,
            0.00559999980032444,
            0.03889999911189079,
            0.16120000183582306,
        ],
        atol=2e-4,
    )
