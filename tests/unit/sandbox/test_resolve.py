"""What do files and tables that extend others come to, and what is said where they do not?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from toolrun.errors import ConfigError
from toolrun.sandbox import load_profile
from toolrun.sandbox.resolve import label, over, resolve

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return written


def test_a_chain_of_files_says_where_each_value_stands(write: Write) -> None:
    team = write("team/team.toml", 'extends = "python"\nprocesses = 32\nwall_seconds = 20\n')
    mine = write(
        "mine.toml",
        'extends = "team/team.toml"\nwall_seconds = 5\nmemory_bytes = 2_147_483_648\n'
        'widen = ["memory_bytes", "wall_seconds"]\n',
    )

    found = resolve(str(mine))
    profile = found.profile
    assert (profile.name, profile.workspace) == ("mine", "scratch")
    assert (profile.processes, profile.wall_seconds, profile.memory_bytes) == (32, 5, 1 << 31)
    assert found.chain == (str(mine), str(team), "sandboxes/python.toml")
    keys = ("wall_seconds", "processes", "open_files", "hosts")
    shipped = "sandboxes/python.toml"
    assert [found.origins[key] for key in keys] == [str(mine), str(team), shipped, "default"]
    # Of what may give more only what does.
    assert [(each.key, each.before, each.after) for each in found.widened] == [
        ("memory_bytes", 1 << 30, 1 << 31)
    ]


def test_what_a_chain_widens_stays_said(write: Write) -> None:
    wide = write("wide.toml", 'extends = "pure"\nprocesses = 128\nwiden = ["processes"]\n')

    found = resolve({"extends": str(wide), "processes": 100})
    assert [(each.key, each.source) for each in found.widened] == [("processes", str(wide))]


def test_a_later_file_may_not_give_back_what_an_earlier_one_took(write: Write) -> None:
    write("less.toml", 'extends = "pure"\nprocesses = 8\n')
    more = write("more.toml", 'extends = "less.toml"\nprocesses = 16\n')

    with pytest.raises(ConfigError, match=r"more\.toml: processes = 16 gives more than less, .* 8"):
        load_profile(str(more))


def test_files_are_read_again(write: Write) -> None:
    base = write("base.toml", 'extends = "pure"\nprocesses = 8\n')
    mine = write("mine.toml", 'extends = "base.toml"\n')
    assert load_profile(str(mine)).processes == 8

    base.write_text('extends = "pure"\nprocesses = 9\n')
    assert load_profile(str(mine)).processes == 9


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"extends": "puer"}, "no sandbox profile 'puer' .did you mean 'pure'"),
        ({"extends": "./none.toml"}, r"none\.toml: cannot be read"),
        ({"extends": "pure", "proceses": 1}, "here: unknown key 'proceses' .did you mean"),
        ({"extends": "pure", "processes": 1}, "here: key 'processes': 1 is less than"),
        ({"extends": "pure", "widen": ["env"]}, r"here: key 'widen\.0': 'env' is not one of"),
        ({"extends": "pure", "widen": ["hosts"]}, "here: widen names 'hosts', which is not set"),
        ({"extends": 1}, "here: key 'extends': 1 is not of type"),
        ({"processes": 8}, "here: 'description' is a required property; or take it from another"),
        ({"extends": "pure", "processes": object()}, "here: not plain values"),
        ({"extends": {"extends": "pure", "x": 1}}, "here: extends: unknown key 'x'"),
    ],
)
def test_what_does_not_fit_is_named(table: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        resolve(table, source="here")


def test_a_circle_is_named(write: Write) -> None:
    one = write("one.toml", 'extends = "two.toml"\n')
    two = write("two.toml", 'extends = "./one.toml"\n')
    self = write("self.toml", 'extends = "self.toml"\n')

    with pytest.raises(ConfigError, match=f"extends itself, by way of {one} -> {two} -> {one}"):
        load_profile(str(one))
    with pytest.raises(ConfigError, match="extends itself"):
        load_profile(str(self))


def test_a_circle_by_a_link_is_one(write: Write, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path)
    one = write("one.toml", 'extends = "a/one.toml"\n')

    with pytest.raises(
        ConfigError, match=r"extends itself, by way of .*one.toml -> .*a/one\.toml$"
    ):
        load_profile(str(one))


def test_a_table_over_another_choice() -> None:
    table = {"wall_seconds": 5}
    assert over("shell", None) == "shell"
    assert over("shell", "pure") == "pure"
    assert over("shell", table) == {"extends": "shell", "wall_seconds": 5}
    assert over("shell", {"extends": "pure"}) == {"extends": "pure"}
    assert load_profile(over(over("shell", table), {"processes": 8})).wall_seconds == 5
    with pytest.raises(ConfigError, match="wall_seconds = 6 gives more than shell, narrowed"):
        load_profile(over(over("shell", table), {"wall_seconds": 6}))


def test_a_table_has_a_name_that_says_what_it_is() -> None:
    less = {"extends": "pure", "wall_seconds": 5}
    wide = {"extends": less, "processes": 99, "hosts": [], "widen": ["processes", "hosts"]}

    assert [label(each) for each in ("pure", less, {"extends": less})] == [
        "pure",
        "pure, narrowed",
        "pure, narrowed",
    ]
    assert label({"extends": wide}) == "pure, widened: hosts, processes"
    assert load_profile(less).name == "pure, narrowed"
