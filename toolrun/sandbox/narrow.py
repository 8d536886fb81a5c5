"""What may a profile change of the one that it extends? It may take away, and give if it says so.

Environment variables are data, not a right: they may be added and replaced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, get_args

import msgspec

from toolrun.errors import ConfigError
from toolrun.sandbox.profile import Guarantee, Method, Profile

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

_WITHIN: Final[Mapping[str, Sequence[str]]] = {
    "none": ("none",),
    "read-only": ("none", "read-only"),
    "scratch": ("none", "scratch"),
    # A scratch folder is sized as the layer of a writable workspace is, and shows nothing.
    "writable": ("none", "read-only", "scratch", "writable"),
    "allow-list": ("none", "allow-list"),
}
"""Of each value of `workspace` and `network` those that give no more."""
_SETS: Final[Mapping[str, Any]] = {"guarantees": Guarantee, "methods": Method}


def narrow(
    base: Profile, table: Mapping[str, Any], *, source: str, widen: Collection[str] = ()
) -> Profile:
    """The profile with what a table changes of it.

    Variables and guarantees are added to those of the base; everything else takes its place.

    Args:
        base: what is extended.
        table: keys of a profile, each of which fits the schema.
        source: where the table stands, for the message.
        widen: the keys that may give more than the base; guarantees then take its place, too.

    Raises:
        ConfigError: another key gives more than the base; the message names it, both values, and
            how to say that it is meant.
    """
    changes: dict[str, Any] = {}
    for key, value in table.items():
        before = getattr(base, key)
        after = in_order(key, value)
        if key == "env":
            after = {**before, **value}
        elif key == "guarantees" and key not in widen:
            after = in_order(key, {*before, *value})
        if key not in widen and not is_within(key, after, before):
            raise ConfigError(
                f"sandbox profile {source}: {key} = {shown(after)} gives more than {base.name}, "
                f"which it extends: {_bound(key, before)}. Take less, or say that it is meant: "
                f'widen = ["{key}"]'
            )
        changes[key] = after
    return msgspec.structs.replace(base, **changes)


def is_within(key: str, value: Any, bound: Any) -> bool:
    """Whether a value of a profile's key gives no more than another."""
    match key:
        case "description" | "env":
            return True
        case "workspace" | "network":
            return value in _WITHIN[bound]
        case "hosts" | "private_hosts":
            return all(any(_covers(pattern, host) for pattern in bound) for host in value)
        case "methods":
            return set(value) <= set(bound)
        case "guarantees":
            return set(value) >= set(bound)
    return bool(value <= bound)


def in_order(key: str, value: Any) -> Any:
    """A value as profiles keep it: what is a set in one order, so that equal profiles are equal."""
    if key in {"hosts", "private_hosts"}:
        return tuple(sorted({host.lower() for host in value}))
    if key in _SETS:
        return tuple(each for each in get_args(_SETS[key]) if each in value)
    return value


def shown(value: Any) -> str:
    """A value as it stands in a TOML file."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {shown(each)}" for name, each in value.items()) + " }"
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(shown, value))}]"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return msgspec.json.encode(value).decode()


def _covers(pattern: str, host: str) -> bool:
    """Whether a pattern lets through all that another does: `*.` stands for any subdomain."""
    return pattern == host or (pattern.startswith("*.") and host.endswith(pattern[1:]))


def _bound(key: str, bound: Any) -> str:
    if key in {"workspace", "network"}:
        return " or ".join(map(shown, _WITHIN[bound])) + " would fit"
    if key in {"hosts", "private_hosts", "methods"}:
        return f"some of {shown(bound)} would fit" if bound else "it names none"
    return f"at most {shown(bound)} would fit"
