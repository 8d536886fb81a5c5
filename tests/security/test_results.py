"""Can a tool forge anything but a wrong result, or hang its caller?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

if TYPE_CHECKING:
    from tests.security.conftest import Attack

pytestmark = pytest.mark.security


def frame(kind: bytes, payload: bytes) -> bytes:
    return kind + len(payload).to_bytes(4, "big") + payload


def test_a_forged_frame_is_only_a_wrong_result(attack: Attack) -> None:
    forged = frame(b"T", b"forged") + frame(b".", b"")
    attacked = attack("forge", hexadecimal=forged.hex(), then_sleep=30)

    assert attacked.outcome.status == "ok"
    assert attacked.outcome.value is not None
    assert msgspec.json.decode(attacked.outcome.value) == "forged"
    assert attacked.seconds < 5


@pytest.mark.parametrize(
    "payload",
    [
        frame(b"P", b"\xff") * 100 + frame(b".", b""),
        b"garbage that is no frame at all",
        frame(b"S", b""),
        frame(b"J", b"{not json") + frame(b".", b""),
        frame(b"J", b"[" * 500_000) + frame(b".", b""),
        frame(b"J", b"1 2") + frame(b".", b""),
        frame(b"J", b'"\xff"') + frame(b".", b""),
        frame(b"T", b"\xff\xfe") + frame(b".", b""),
        frame(b"J", b"1") + frame(b"T", b"1") + frame(b".", b""),
        frame(b".", b""),
    ],
    ids=["progress", "noise", "twice", "syntax", "deep", "two", "utf-8", "text", "both", "none"],
)
def test_nonsense_is_a_crash(attack: Attack, payload: bytes) -> None:
    # The payload travels as an argument: the deep one is cut to what a pipe takes at once.
    attacked = attack("forge", hexadecimal=payload[:60_000].hex(), then_exit=0)

    assert attacked.outcome.status == "crash"
    assert attacked.outcome.value is None


def test_a_frame_that_never_ends_runs_into_the_time_out(attack: Attack) -> None:
    cut = (b"J" + (1000).to_bytes(4, "big") + b"[1,").hex()
    attacked = attack("forge", hexadecimal=cut, then_sleep=30, timeout=1)

    assert attacked.outcome.status == "timeout"
    assert attacked.seconds < 1.5


def test_a_frame_that_announces_too_much_ends_the_call(attack: Attack) -> None:
    assert attack("flood_result").outcome.status == "output_limit"


def test_closing_every_descriptor_is_a_crash(attack: Attack) -> None:
    attacked = attack("close_everything")

    assert attacked.outcome.status == "crash"
    assert attacked.seconds < 5


def test_a_flood_of_empty_progress_ends_the_call(attack: Attack) -> None:
    attacked = attack("flood_progress")

    assert attacked.outcome.status == "output_limit"
    assert attacked.seconds < 5
