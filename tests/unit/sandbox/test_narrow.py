"""Does no chain of profiles give more than where it began, but where it says so?

What gives more is judged here anew, key by key, without the code that is tested.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolrun.errors import ConfigError
from toolrun.sandbox import Profile, load_profile, profile
from toolrun.sandbox.narrow import narrow, shown
from toolrun.sandbox.resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Mapping

NUMBERS: Final = {
    "wall_seconds": st.floats(0.001, 86_400) | st.integers(1, 86_400),
    "cpu_seconds": st.integers(1, 86_400),
    "memory_bytes": st.integers(16_777_216, 1 << 40),
    "address_space_bytes": st.integers(268_435_456, 1 << 40),
    "processes": st.integers(4, 4_096),
    "open_files": st.integers(16, 65_536),
    "disk_bytes": st.integers(65_536, 1 << 40),
    "inodes": st.integers(16, 1 << 30),
    "output_bytes": st.integers(1_024, 1 << 40),
}
GUARANTEES: Final = load_profile("pure").guarantees
HOSTS: Final = (
    "example.org:443",
    "a.example.org:443",
    "b.a.example.org:443",
    "*.example.org:443",
    "*.a.example.org:443",
    "*.org:443",
    "example.org:80",
    "notexample.org:443",
    "localhost:8080",
)
TABLES: Final = st.fixed_dictionaries(
    {},
    optional={
        **NUMBERS,
        "workspace": st.sampled_from(["none", "read-only", "writable", "scratch"]),
        "network": st.sampled_from(["none", "allow-list"]),
        "hosts": st.lists(st.sampled_from(HOSTS), unique=True),
        "methods": st.lists(st.sampled_from(["GET", "HEAD", "POST", "DELETE"]), unique=True),
        "guarantees": st.lists(st.sampled_from(GUARANTEES), unique=True),
        "env": st.dictionaries(st.sampled_from("ABC"), st.text(max_size=3), max_size=3),
        "description": st.sampled_from(["one", "another"]),
    },
)
WHOLE: Final[dict[str, Any]] = {
    "description": "whole",
    "workspace": "read-only",
    "network": "allow-list",
    **dict.fromkeys(NUMBERS, 1 << 29),
    "processes": 256,
    "hosts": ["*.example.org:443", "localhost:8080"],
    "guarantees": ["files", "disk"],
}
PROFILES: Final = TABLES.map(lambda table: _profile({**WHOLE, **table}))


def _profile(table: Mapping[str, Any]) -> Profile:
    return msgspec.convert({**table, "name": "base"}, Profile)


def _gives_more(at: Profile, base: Profile) -> list[str]:
    """The keys by which one profile lets something through that the other does not."""
    more = [key for key in NUMBERS if not getattr(at, key) <= getattr(base, key)]
    sees = {"none": 0, "scratch": 0, "read-only": 1, "writable": 1}
    writes = {"none": 0, "scratch": 1, "read-only": 0, "writable": 1}
    if any(right[at.workspace] > right[base.workspace] for right in (sees, writes)):
        more.append("workspace")
    if at.network == "allow-list" and base.network == "none":
        more.append("network")
    if _reached(at) - _reached(base):
        more.append("hosts")
    if set(at.methods) - set(base.methods):
        more.append("methods")
    if set(base.guarantees) - set(at.guarantees):
        more.append("guarantees")
    return sorted(set(more))


def _reached(at: Profile) -> set[str]:
    """Which of some addresses the hosts of a profile let through, the network apart."""
    known = [host.removeprefix("*.") for host in HOSTS]
    known += [f"x.{host}" for host in known] + [f"y.x.{host}" for host in known]
    return {
        address
        for address in known
        for host in at.hosts
        if address == host or (host[0] == "*" and address.endswith(host[1:]))
    }


def _narrowed(base: Profile, table: Mapping[str, Any]) -> Profile | None:
    try:
        return narrow(base, table, source="test")
    except ConfigError:
        return None


@given(PROFILES, st.lists(TABLES, max_size=4))
def test_no_chain_gives_more_than_where_it_began(
    base: Profile, tables: list[dict[str, Any]]
) -> None:
    # Key by key, too: a whole table is refused for one of its keys.
    for links in (tables, [{key: value} for table in tables for key, value in table.items()]):
        at = base
        for table in links:
            at = _narrowed(at, table) or at
            assert _gives_more(at, base) == []


@pytest.mark.parametrize("base", get_args(profile.Workspace))
@pytest.mark.parametrize("value", get_args(profile.Workspace))
def test_every_workspace_over_every_other(base: str, value: str) -> None:
    within = _narrowed(_profile({**WHOLE, "workspace": base}), {"workspace": value}) is not None

    less = {"none": ("none",), "scratch": ("none", "scratch"), "read-only": ("none", "read-only")}
    assert within == (value in less.get(base, get_args(profile.Workspace)))


@given(PROFILES, TABLES)
def test_what_is_refused_would_have_given_more(base: Profile, table: dict[str, Any]) -> None:
    if _narrowed(base, table) is None:
        meant = narrow(base, table, source="test", widen=tuple(table))
        assert _gives_more(meant, base) != []


@given(PROFILES, TABLES, st.sets(st.sampled_from([*NUMBERS, "workspace", "network", "hosts"])))
def test_more_is_given_only_by_the_keys_that_are_named(
    base: Profile, table: dict[str, Any], widen: set[str]
) -> None:
    try:
        at = narrow(base, table, source="test", widen=widen)
    except ConfigError:
        return
    assert set(_gives_more(at, base)) <= widen


@given(PROFILES, TABLES)
def test_the_same_again_changes_nothing(base: Profile, table: dict[str, Any]) -> None:
    if (once := _narrowed(base, table)) is not None:
        assert narrow(once, table, source="test") == once


@given(PROFILES, TABLES, TABLES)
def test_the_order_of_what_is_independent_does_not_matter(
    base: Profile, one: dict[str, Any], other: dict[str, Any]
) -> None:
    other = {key: value for key, value in other.items() if key not in one}
    ways = []
    for first, second in ((one, other), (other, one), ({**one, **other}, {})):
        at = _narrowed(base, first)
        ways.append(None if at is None else _narrowed(at, second))
    assert ways[0] == ways[1] == ways[2]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("memory_bytes", 1 << 30, "1073741824 gives more than pure.*at most 536870912 would fit"),
        ("wall_seconds", 60.5, "60.5 gives more.*at most 60 would fit"),
        ("workspace", "scratch", '"scratch" gives more than pure.*: "none" would fit'),
        ("network", "allow-list", '"allow-list" gives more than pure.*: "none" would fit'),
        (
            "hosts",
            ["example.org:443"],
            r'\["example.org:443"\] gives more than pure.*: it names none',
        ),
        ("methods", ["POST"], r'\["POST"\] gives.*: some of \["GET", "HEAD"\] would fit'),
    ],
)
def test_what_gives_more_is_refused_and_can_be_meant(key: str, value: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=f"sandbox profile here: {key} = {said}") as raised:
        resolve({"extends": "pure", key: value}, source="here")
    assert f'widen = ["{key}"]' in str(raised.value)

    meant = resolve({"extends": "pure", key: value, "widen": [key]}, source="here")
    assert [(each.key, each.source) for each in meant.widened] == [(key, "here")]
    assert _gives_more(meant.profile, load_profile("pure")) == [key]


def test_a_whole_number_stays_one_however_it_is_written() -> None:
    changed = load_profile({"extends": "pure", "processes": 8.0, "wall_seconds": 5})

    assert (type(changed.processes), changed.processes) == (int, 8)
    assert changed == load_profile({"extends": "pure", "processes": 8, "wall_seconds": 5.0})


def test_guarantees_are_added_and_taken_away_only_if_meant() -> None:
    few = {"extends": "pure", "guarantees": ["files"], "widen": ["guarantees"]}
    assert load_profile(few).guarantees == ("files",)
    assert [each.key for each in resolve(few).widened] == ["guarantees"]
    same = {"extends": "pure", "guarantees": GUARANTEES, "widen": ["guarantees"]}
    assert resolve(same).widened == ()
    assert load_profile({"extends": few, "guarantees": ["disk"]}).guarantees == ("files", "disk")
    assert load_profile({"extends": "pure", "guarantees": ["files"]}).guarantees == GUARANTEES


def test_hosts_are_the_same_in_capitals() -> None:
    base = _profile({**WHOLE, "hosts": ["*.example.org:443"]})

    narrowed = narrow(base, {"hosts": ["B.Example.ORG:443", "a.example.org:443"]}, source="test")
    assert narrowed.hosts == ("a.example.org:443", "b.example.org:443")


def test_a_table_is_told_as_it_stands_in_a_file() -> None:
    assert shown({"A": "b", "numbers": [1, 2.0]}) == '{ A = "b", numbers = [1, 2] }'


def test_variables_are_added_and_replaced() -> None:
    changed = resolve({"extends": "pure", "env": {"OMP_NUM_THREADS": "2", "A": "b"}}, source="here")

    assert changed.profile.env == {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "1", "A": "b"}
    assert changed.widened == ()
    assert changed.origins["env.A"] == changed.origins["env.OMP_NUM_THREADS"] == "here"
    assert changed.origins["env.OPENBLAS_NUM_THREADS"] == "sandboxes/pure.toml"
