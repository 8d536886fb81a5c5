"""Who is let in, and under which name?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolrun import ConfigError
from toolrun.serve.keys import Caller, Keys, read_keys

if TYPE_CHECKING:
    from pathlib import Path

ALICE, BOB = "alice-key-0123456789", "bob-key-0123456789abc"


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def test_keys_of_a_file_and_a_variable_are_let_in_by_name(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# a comment\n\nalice  {ALICE}\n")
    keys = read_keys(file, f"bob {BOB},")
    alice, bob = keys.caller(bearer(ALICE)), keys.caller({"authorization": f"bearer {BOB}"})
    assert alice is not None
    assert bob is not None
    assert (alice.name, bob.name) == ("alice", "bob")
    assert alice.owner != bob.owner
    assert ALICE not in alice.owner


def test_a_key_without_a_name_gets_one_that_gives_nothing_away() -> None:
    keys = read_keys(None, ALICE)
    caller = keys.caller(bearer(ALICE))
    assert caller is not None
    assert caller.name.startswith("key-")
    assert caller.name.removeprefix("key-") not in ALICE


@pytest.mark.parametrize("said", ["", "Bearer", "Bearer ", f"Bearer {ALICE}x", f"Token {ALICE}"])
def test_others_are_not(said: str) -> None:
    assert Keys({"alice": ALICE}).caller({"authorization": said, "host": "localhost"}) is None


@pytest.mark.parametrize(
    ("host", "let_in"),
    [
        *[("localhost", True), ("127.0.0.1:8080", True), ("[::1]:8080", True), ("[::1]", True)],
        *[("evil.example", False), ("localhost.evil.example:80", False), ("", False)],
        *[("127.0.0.1.evil.example", False), ("evil.example:localhost", False)],
    ],
)
def test_without_keys_only_those_who_mean_this_machine_are(host: str, *, let_in: bool) -> None:
    assert Keys({}).caller({"host": host}) == (Caller() if let_in else None)


@pytest.mark.parametrize(
    "text", ["short", f"a b {ALICE}", f"bad/name {ALICE}", f"a {ALICE},b {ALICE}", f"a {ALICE}é"]
)
def test_keys_that_will_not_do_are_refused_and_not_shown(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_keys(None, text)
    assert ALICE not in str(refused.value)


def test_a_file_without_keys_is_no_open_door(tmp_path: Path) -> None:
    for text in ("", "# none\n"):
        (tmp_path / "keys").write_text(text)
        with pytest.raises(ConfigError, match="no key in it"):
            read_keys(tmp_path / "keys", "")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_keys(tmp_path / "missing", "")
