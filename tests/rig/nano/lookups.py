"""Which requests need what must be looked up first: "find Ana's number and text her"?

The second call takes what the first gave back, and no request says it. A `[[chain]]` of
`data/natural_suite_*.toml` names the two tools of its file, what the result may call the value, the
parameter that takes it, and how people ask: `{a_key}` stands for a value of the first call,
`{b_key}` for one of the second.
"""

from __future__ import annotations

import json
import tomllib
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.rig.nano.context import sent
from tests.rig.nano.given import give
from tests.rig.nano.natural import families_of
from tests.rig.nano.results import show, verbal
from tests.rig.nano.shapes import pairs
from tests.rig.nano.spelling import plain
from tests.rig.nano.steps import Turn, answered, called, run
from tests.rig.nano.turns import plan
from tests.rig.nano.values import DATA
from tests.rig.nano.wording import filled

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from tests.rig.nano.tools import Family, Tool, Value
    from tests.rig.nano.values import Values


class Chain(NamedTuple):
    """Two tools, of which the second needs what the first gives back.

    Attributes:
        gives: what the first one's result may call it.
        into: the second one's parameter that takes it.
        asks: how both are asked for at once.
    """

    first: Family
    then: Family
    gives: tuple[str, ...]
    into: str
    asks: tuple[str, ...]


@cache
def chains() -> tuple[Chain, ...]:
    """All chains of the files."""
    files = sorted(DATA.glob("natural_suite_*.toml"))
    return tuple(one for path in files for one in chains_of(path))


def chains_of(path: Path) -> tuple[Chain, ...]:
    """The chains of one file.

    Raises:
        ValueError: a chain names a tool or a parameter that is not there.
    """
    tools = {one.names[0]: one for one in families_of(path)}
    found: list[Chain] = []
    for item in tomllib.loads(path.read_text()).get("chain", ()):
        first, then = (tools.get(item[which]) for which in ("first", "then"))
        if first is None or then is None or item["into"] not in then.parameters:
            raise ValueError(f"{path.name}: {item['first']}, {item['then']}: no such tools")
        gives, asks = tuple(item["gives"].split("/")), tuple(item["asks"])
        found.append(Chain(first, then, gives, item["into"], asks))
    return tuple(found)


@cache
def _by_tools() -> dict[tuple[tuple[str, ...], tuple[str, ...]], list[Chain]]:
    found: dict[tuple[tuple[str, ...], tuple[str, ...]], list[Chain]] = {}
    for one in chains():
        found.setdefault((one.first.names, one.then.names), []).append(one)
    return found


def looked_up(tools: list[Tool], values: Values, r: Random) -> Turn | None:
    """A request whose second call takes what the first gives back."""
    fitting = [
        (first, then, chain)
        for first in tools
        for then in tools
        for chain in _by_tools().get((first.family.names, then.family.names), ())
    ]
    if not fitting:
        return None
    first, then, chain = r.choice(fitting)
    given = give(first.family, values, r, whole=False)
    after = give(then.family, values, r, whole=False)
    template = r.choice(chain.asks)
    given = {key: value for key, value in given.items() if f"{{a_{key}}}" in template}
    needed = after[chain.into]
    after = {
        key: value
        for key, value in after.items()
        if key == chain.into or f"{{b_{key}}}" in template
    }
    said = {f"a_{key}": value for key, value in given.items()}
    text = filled(template, said | {f"b_{key}": value for key, value in after.items()})
    body = _result(chain, given, needed, values, r)
    thoughts = plan([first, then])
    done = run(then, after, thoughts[1], values, r)
    steps = [called(first, given, thoughts[0], show(body, r)), *done.steps]
    steps.append(answered(f"{verbal(body)} {done.said}", several=True))
    calls = [(first, given), (then, {k: v for k, v in after.items() if k != chain.into})]
    return Turn(sent(text, calls, values, r), tuple(steps), (then, after))


def _result(chain: Chain, given: dict[str, Value], needed: Value, values: Values, r: Random) -> Any:
    """What the first call gives back: the value that is needed, and others."""
    value = json.loads(plain(needed.json))
    if r.random() < 0.12:
        return value
    body = {key: json.loads(plain(one.json)) for key, one in given.items() if r.random() < 0.5}
    body |= pairs(values, r, r.choice((0, 1, 1, 2)))
    body[r.choice(chain.gives)] = value
    rows = list(body.items())
    r.shuffle(rows)
    draw, row = r.random(), dict(rows)
    if draw < 0.15:
        return [row]
    return {r.choice(("results", "items", "matches", "data")): [row]} if draw < 0.25 else row
