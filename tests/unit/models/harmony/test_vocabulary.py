"""Is the vocabulary there without a network, once, whole, and where it is looked for?"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from toolrun import ConfigError, MissingExtra
from toolrun.models.harmony import vocabulary

if TYPE_CHECKING:
    from pathlib import Path

LOADS = (
    "import os; from toolrun.models.harmony.vocabulary import VARIABLE, load;"
    "print(load().encode('hi')); print(os.environ.get(VARIABLE))"
)


@pytest.fixture(scope="module")
def made() -> bytes:
    return (vocabulary._vocabulary() / vocabulary.FILE).read_bytes()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(vocabulary.VARIABLE, raising=False)
    return tmp_path / "toolrun" / "vocabulary" / vocabulary.FILE


def test_it_is_made_once_and_found_again(
    cache: Path, made: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vocabulary, "_made", lambda: made)
    assert vocabulary._vocabulary() == cache.parent
    assert hashlib.sha256(cache.read_bytes()).hexdigest() == vocabulary.SHA256

    monkeypatch.setattr(vocabulary, "_made", lambda: pytest.fail("it is there"))
    assert vocabulary._vocabulary() == cache.parent
    assert [each.name for each in cache.parent.iterdir()] == [vocabulary.FILE]


def test_a_damaged_one_is_made_anew(
    cache: Path, made: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vocabulary, "_made", lambda: made)
    cache.parent.mkdir(parents=True)
    cache.write_bytes(made[:-1])

    vocabulary._vocabulary()
    assert cache.read_bytes() == made


def test_many_may_make_it_at_once(
    cache: Path, made: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vocabulary, "_made", lambda: made)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: vocabulary._vocabulary(), range(8)))

    assert cache.read_bytes() == made
    assert [each.name for each in cache.parent.iterdir()] == [vocabulary.FILE]


def test_a_cache_that_cannot_be_written_is_an_error_that_says_what_to_set(
    tmp_path: Path, made: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(vocabulary, "_made", lambda: made)

    with pytest.raises(ConfigError, match="Set XDG_CACHE_HOME to a folder that can be written"):
        vocabulary._vocabulary()


def test_a_new_process_makes_and_loads_it_offline(cache: Path, made: bytes) -> None:
    # No proxy answers there: whatever would be downloaded is not.
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-c", LOADS],
        env={**os.environ, **nowhere},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    # The variable is set for as long as harmony reads it: what runs later does not inherit it.
    assert done.stdout.splitlines() == ["[3686]", "None"]
    assert cache.read_bytes() == made


def test_a_folder_that_is_named_is_used(
    made: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(vocabulary.VARIABLE, str(tmp_path))
    monkeypatch.setattr(vocabulary, "_vocabulary", lambda: pytest.fail("another is named"))
    (tmp_path / vocabulary.FILE).write_bytes(made)

    assert vocabulary._load().encode("hi") == [3686]
    assert os.environ[vocabulary.VARIABLE] == str(tmp_path)


def test_a_folder_without_it_is_an_error_that_names_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(vocabulary.VARIABLE, str(tmp_path))

    with pytest.raises(ConfigError, match=rf"{vocabulary.VARIABLE} must name a folder"):
        vocabulary._load()


@pytest.mark.parametrize(
    ("installed", "error", "says"),
    [
        (set(), MissingExtra, r"pip install 'toolrun\[harmony\]'"),
        ({"openai-harmony", "oss-harmony"}, ConfigError, "are both installed"),
    ],
)
def test_no_harmony_library_and_two_are_errors_that_say_what_to_do(
    monkeypatch: pytest.MonkeyPatch, installed: set[str], error: type[Exception], says: str
) -> None:
    monkeypatch.setattr(vocabulary, "_is_installed", installed.__contains__)

    with pytest.raises(error, match=says):
        vocabulary.check_installed()


def test_without_the_package_that_has_the_vocabulary_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "quicktok", None)

    with pytest.raises(MissingExtra, match=r"quicktok: pip install 'toolrun\[harmony\]'"):
        vocabulary._made()
