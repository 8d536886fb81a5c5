"""Does the model need the reasoning of earlier steps, and does it use it?

`python -m tests.rig.nano.remembering FILE`: unseen tasks of `memory`, each told twice: with the
reasoning of the turn's earlier steps in the prompt, and without, as clients send it that drop it. A
task is solved where the last call has what the first step settled on, or the truth, where there is
one. The interval is Wilson's, of 95%.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from tests.rig.nano import memory
from tests.rig.nano.conversations import head, toolset
from tests.rig.nano.evaluate import CALLED, SEED, Listener, interval
from tests.rig.nano.forms import OPENING, SAMPLED, past
from tests.rig.nano.spelling import canonical, encoding, plain, token_texts
from tests.rig.nano.steps import Step
from tests.rig.nano.values import Values
from toolrun.models.nano.sampler import NanoSampler

if TYPE_CHECKING:
    from tests.rig.nano.steps import Turn

_SECRET = re.compile(r"My \w+ is (\S+)\. ")


def solved(listener: Listener, first: list[int], turn: Turn, *, thoughts: bool) -> bool:
    """Whether the last call of a turn has what it must have."""
    *before, last, _ = turn.steps
    told = json.loads(plain(last.arguments))
    (key,) = told
    wanted = str(told[key])
    ids = first + canonical(f"<|start|>user<|message|>{turn.user}<|end|>")
    for step in (*before, last):
        said = listener.sample(ids + canonical(OPENING))
        text = encoding().decode(said)
        if secret := _SECRET.search(text):
            wanted = secret[1]
        called = CALLED.search(text)
        if called is None or called[1] != step.tool:
            return False
        if step is last:
            return wanted in called[2]
        thought = text.partition("<|message|>")[2].partition("<|end|>")[0]
        made = Step(thought, tool=called[1], arguments=called[2], result=step.result)
        ids += canonical(past(made, SAMPLED, thought=thoughts))
    return False


def tasks(kind: str, count: int) -> list[tuple[list[int], Turn]]:
    """Unseen tasks: what the tools are, and the turn."""
    values, r = Values(token_texts()), Random(SEED)
    found: list[tuple[list[int], Turn]] = []
    make = memory.secret if kind == "a secret" else memory.worked_out
    while len(found) < count:
        tools = [*toolset(values, r)[:2], memory.telling(values, r)]
        turn = make(tools, values, r)
        if turn is not None:
            found.append((head(tools, r), turn))
    return found


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("--count", type=int, default=60, help="tasks of each kind")
    options = parser.parse_args()
    listener = Listener(NanoSampler(options.file).voice())
    for kind in ("a secret", "something worked out"):
        some = tasks(kind, options.count)
        for thoughts in (True, False):
            right = sum(solved(listener, first, turn, thoughts=thoughts) for first, turn in some)
            low, high = interval(right, len(some))
            how = "kept" if thoughts else "dropped"
            print(
                f"{kind}, reasoning {how}: {right} of {len(some)} "
                f"({100 * low:.0f} to {100 * high:.0f}%)",
                flush=True,
            )


if __name__ == "__main__":
    main()
