"""When does `nano` mean the model that comes with toolrun, and when that of a server?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from toolrun.config import load_config
from toolrun.connections import urls_of
from toolrun.embedded import EMBEDDED, NANO, is_embedded
from toolrun.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

URL = "http://localhost:9000/v1"


def base_url(file: Path, text: str, env: dict[str, str] | None = None, **arguments: Any) -> Any:
    file.write_text(text)
    return load_config(file, env=env or {}, **arguments).base_url


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "toolrun.toml"


def test_the_name_alone_means_the_embedded_model(file: Path) -> None:
    assert base_url(file, "", model=NANO) == EMBEDDED
    assert base_url(file, "", {"TOOLRUN_MODEL": NANO}) == EMBEDDED
    assert base_url(file, f'model = "{NANO}"') == EMBEDDED
    assert base_url(file, f'model = "{NANO}"', model="another") != EMBEDDED


def test_a_server_beside_it_or_over_it_has_a_model_of_that_name(file: Path) -> None:
    assert base_url(file, "", model=NANO, base_url=URL) == URL
    assert base_url(file, f'model = "{NANO}"\nbase_url = "{URL}"') == URL
    assert base_url(file, f'model = "{NANO}"', {"TOOLRUN_BASE_URL": URL}) == URL
    assert base_url(file, "", {"TOOLRUN_MODEL": NANO}, base_url=URL) == URL


def test_the_server_of_an_earlier_source_is_that_of_another_model(file: Path) -> None:
    text = f'model = "m"\nbase_url = "{URL}"\nvia = "chat"\ndialect = "vllm"\n'
    file.write_text(text)
    config = load_config(file, env={"TOOLRUN_BASE_URL": URL}, model=NANO)
    assert (config.base_url, config.via, config.dialect) == (EMBEDDED, "auto", None)


@pytest.mark.parametrize(
    "wrong", [{"via": "chat"}, {"via": "responses"}, {"dialect": "ollama"}, {"extra_body": {}}]
)
def test_what_is_asked_of_a_server_is_refused_beside_it(wrong: dict[str, Any]) -> None:
    [name] = wrong
    with pytest.raises(ConfigError, match=rf"^{name} says how a server is asked.* base_url"):
        load_config(env={}, model=NANO, **wrong)
    assert load_config(env={}, model=NANO, base_url=URL, **wrong).base_url == URL


def test_direct_sampling_is_what_it_does_anyway() -> None:
    assert load_config(env={}, model=NANO, via="harmony").base_url == EMBEDDED


def test_options_in_python_mean_the_same() -> None:
    assert urls_of({"model": NANO}) == EMBEDDED
    assert urls_of({"model": NANO, "base_url": URL}) == URL
    assert urls_of({"model": "another"}) != EMBEDDED


def test_one_of_a_list_is_no_server() -> None:
    assert is_embedded(EMBEDDED)
    assert is_embedded((EMBEDDED,))
    assert not is_embedded(None)
    assert not is_embedded((URL, URL))
