"""What do the tools of a file look like? `python -m tests.rig.nano.tryout FILE` prints some.

Of each tool three requests and the calls that must follow; of requests for two, and of chains, one.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from tests.rig.nano import lookups, natural
from tests.rig.nano.again import same_tool_again
from tests.rig.nano.asks import HOLE
from tests.rig.nano.given import give
from tests.rig.nano.lookups import looked_up
from tests.rig.nano.spelling import plain, token_texts
from tests.rig.nano.tools import Tool, offer
from tests.rig.nano.values import Values
from tests.rig.nano.wording import ask

if TYPE_CHECKING:
    from tests.rig.nano.steps import Turn


def main() -> None:
    """Print them, and what is wrong with them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("file", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    values, r = Values(token_texts()), Random(options.seed)
    families = natural.families_of(options.file)
    offered = {family.names[0]: offer(family, values, r) for family in families}
    for tool in offered.values():
        _try(tool, values, r)
    for chain in lookups.chains_of(options.file):
        both = [offered[one.names[0]] for one in (chain.first, chain.then)]
        print(f"\n{both[0].name} -> {both[1].name}")
        _fits(chain)
        for _ in range(2):
            _turn(looked_up(both, values, r))
    print(f"{len(families)} tools, {len({one.suite for one in families})} suites")


def _try(tool: Tool, values: Values, r: Random) -> None:
    """Prints some requests for a tool."""
    family = tool.family
    print(f"\n{tool.name} | {family.suite} | {tool.schema and tool.schema['properties']}")
    for text in family.asks:
        if unknown := set(HOLE.findall(text)) - family.parameters.keys():
            print(f"  FAULT: no such parameters {unknown}: {text}")
    for _ in range(3):
        given = give(family, values, r)
        _show(ask(tool, given, r), [tool.call(given)])
    must = {key for key, one in family.parameters.items() if one.chance is None}
    for key, texts in family.twice.items():
        for text in texts:
            holes = set(HOLE.findall(text))
            if key not in family.parameters or not must - {key} | {"1", "2"} <= holes:
                print(f"  FAULT: twice of {key}: {text}")
    for _ in range(2 if family.twice else 0):
        _turn(same_tool_again([tool], values, r))


def _fits(chain: lookups.Chain) -> None:
    """Prints which requests of a chain do not say what both calls must be given."""
    must = {f"a_{k}" for k, one in chain.first.parameters.items() if one.chance is None}
    must |= {f"b_{k}" for k, one in chain.then.parameters.items() if one.chance is None}
    must -= {f"b_{chain.into}"}
    may = {f"a_{k}" for k in chain.first.parameters} | {f"b_{k}" for k in chain.then.parameters}
    for text in chain.asks:
        holes = set(HOLE.findall(text))
        if not must <= holes <= may:
            print(f"  FAULT: lacks {must - holes}, knows no {holes - may}: {text}")


def _turn(turn: Turn | None) -> None:
    if turn is not None:
        _show(turn.user, [step.arguments for step in turn.steps if step.tool])


def _show(text: str, calls: list[str]) -> None:
    fault = "FAULT: " if HOLE.search(text) else ""
    print(f"  {fault}{text}\n      {'  then  '.join(map(plain, calls))}")


if __name__ == "__main__":
    main()
