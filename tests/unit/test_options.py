"""Are options that cannot be refused with what would fit, and is nothing secret kept?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from toolrun import ConfigError, Limits, Sampling
from toolrun.options import Settings, check_options

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"instruction": "x"}, "'instruction'; did you mean 'instructions'"),
        ({"zzzzzz": 1}, "no option 'zzzzzz'$"),
        ({"effort": "extreme"}, "low, medium or high, not 'extreme'"),
        ({"workspace": "/nowhere/at/all"}, "'/nowhere/at/all' is not a folder"),
        ({"sampling": {"temperature": 1}}, r"sampling must be a Sampling\(temp.*, not dict"),
        ({"limits": {"steps": 3}}, r"limits must be a Limits\(steps=..., ...\), not dict"),
        ({"limits": Limits}, r"limits must be a Limits"),
        ({"retries": 3}, r"retries must be a Retries\(attempts=..., ...\), not int"),
        ({"timeouts": 5.0}, r"timeouts must be a Timeouts\(step=..., ...\), not float"),
        ({"tools": "tools.toml"}, "tools must be a list of functions and paths, not str"),
        ({"tools": 5}, "tools must be a list"),
        ({"messages": {"role": "user"}}, "messages must be a list of messages, not dict"),
        ({"instructions": 5}, "instructions must be a text, not int"),
        ({"instructions": "a\ud800"}, "instructions has a lone surrogate"),
        ({"headers": "Authorization: x"}, "headers must be a dict, not str"),
        ({"extra_body": 5}, "extra_body must be a dict, not int"),
        ({"verify_reasoning": "all"}, "verify_reasoning must be a number, not str"),
        ({"approve": True}, "approve must be a function of a call, not bool"),
        ({"model": 20}, "model must be a name or a Model, not int"),
        ({"base_url": b"http://host"}, "base_url must be a URL, or a list of them, not b'http"),
        ({"base_url": ["http://host", 7]}, "base_url must be a URL, or a list of them, not"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check_options(options)


def test_what_can_be_passes(tmp_path: Path) -> None:
    check_options({"effort": "low", "workspace": tmp_path, "tools": [], "trace": True})


def test_a_file_is_no_workspace(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.touch()
    with pytest.raises(ConfigError, match="not a folder"):
        check_options({"workspace": file})


def test_settings_leave_the_defaults_out() -> None:
    assert Settings().as_dict() == {}
    assert Settings(effort="low", sampling=Sampling(seed=1)).as_dict() == {
        "effort": "low",
        "sampling": {"seed": 1},
    }
    assert Settings(limits=Limits(steps=3)).as_dict()["limits"]["steps"] == 3


def test_settings_have_no_place_for_a_secret() -> None:
    assert not {"api_key", "headers"} & set(Settings.__struct_fields__)
