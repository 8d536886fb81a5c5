"""How good is a model's file? `python -m tests.rig.nano.evaluate FILE` on one core of a CPU.

Unseen made-up conversations, step by step, compared text by text; then the hand-written requests of
`heldout_near` and `heldout_far`, as whole conversations. Needs what direct sampling needs.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter, defaultdict
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.rig.nano import heldout_far, heldout_near
from tests.rig.nano.conversations import OPENING, Writer, render_head, result
from tests.rig.nano.conversations import SAMPLED as FORM
from tests.rig.nano.spelling import canonical, encoding
from tests.rig.nano.turns import Step
from toolrun.models.harmony.tokens import CALL, RETURN
from toolrun.models.nano.run import Past, Run
from toolrun.models.nano.sampler import NanoSampler
from toolrun.values import Sampling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.rig.nano.cases import Case
    from toolrun.models.nano.run import Voice

SEED = 987_654_321
"""Of the made-up conversations; far from any of the training's."""
_DATE = "2025-10-20"
_LONGEST = 220
_STEPS = 5
CALLED = re.compile(r"to=functions\.([^\s<]+).*?<\|message\|>(.*)<\|call\|>$", re.DOTALL)
"""A call, as the model makes it: the tool, the arguments."""
_ANSWERED = re.compile(r"<\|channel\|>final<\|message\|>(.*)<\|return\|>$", re.DOTALL)


class Verdict(NamedTuple):
    """Of one hand-written request: was the tool right, the arguments, the answer?"""

    case: Case
    tool: bool
    arguments: bool
    answer: bool
    said: list[str]


class Listener:
    """Samples greedily, reading no prompt twice that goes on from the last."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self._past: Past | None = None

    def sample(self, prompt: Sequence[int]) -> list[int]:
        """What is said after a prompt."""
        run = Run(self._voice, prompt, (RETURN, CALL), Sampling(max_tokens=_LONGEST), self._past)
        while run.reason is None:
            run.advance(_LONGEST)
        self._past = run.past()
        return run.said


def generated(listener: Listener, count: int) -> tuple[dict[str, Counter[bool]], list[str]]:
    """How many steps of unseen conversations come out to the letter, by kind; and what did not."""
    writer, r = Writer(), Random(SEED)
    found: dict[str, Counter[bool]] = defaultdict(Counter)
    wrong: list[str] = []
    while sum(sum(one.values()) for one in found.values()) < count:
        for sample in writer.samples(r):
            said = encoding().decode(listener.sample(sample.prompt))
            right = said == sample.says
            found[sample.kind][right] += 1
            if not right:
                wrong.append(f"[{sample.kind}]\nwant {sample.says}\ngot  {said}")
    return found, wrong


def judged(listener: Listener, case: Case) -> Verdict:
    """A hand-written request, as a whole conversation."""
    described: list[tuple[str, str, dict[str, Any] | None]] = [
        (tool.name, tool.description, tool.parameters) for tool in case.tools
    ]
    ids = render_head(described, _DATE, "Medium")
    ids += canonical(f"<|start|>user<|message|>{case.ask}<|end|>")
    tool = arguments = True
    texts: list[str] = []
    for wanted, given in [*zip(case.calls, case.results, strict=True), (None, "")]:
        ids += canonical(OPENING)
        said = listener.sample(ids)
        ids += said
        texts.append(encoding().decode(said))
        called = CALLED.search(texts[-1])
        if wanted is None:
            answer = _ANSWERED.search(texts[-1])
            right = answer is not None and all(_has(answer[1], must) for must in case.must)
            quiet = tool and called is None
            fits = arguments and quiet
            return Verdict(case, tool if case.calls else quiet, fits, right, texts)
        tool = tool and called is not None and called[1] == wanted[0]
        arguments = arguments and called is not None and _fits(called[2], wanted[1])
        if called is None or not tool:
            return Verdict(case, tool=False, arguments=False, answer=False, said=texts)
        ids += canonical(result(Step("", tool=called[1], result=given), FORM))
    raise AssertionError


def _has(answer: str, must: str | tuple[str, ...]) -> bool:
    options = (must,) if isinstance(must, str) else must
    return any(option.lower() in answer.lower() for option in options)


def _fits(text: str, wanted: dict[str, Any]) -> bool:
    try:
        given = json.loads(text)
    except ValueError:
        return False
    if not isinstance(given, dict) or given.keys() != wanted.keys():
        return False
    return all(_same(given[key], want) for key, want in wanted.items())


def _same(given: Any, wanted: Any) -> bool:
    if isinstance(wanted, tuple):
        return any(_same(given, one) for one in wanted)
    return bool(given == wanted) and isinstance(given, bool) == isinstance(wanted, bool)


def main() -> None:
    """Evaluate, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("file", type=Path)
    parser.add_argument("--count", type=int, default=400, help="steps of made-up conversations")
    parser.add_argument("--wrong", type=Path, help="where what came out wrong is written")
    options = parser.parse_args()
    listener = Listener(NanoSampler(options.file).voice())
    lines: list[str] = []
    verdicts: list[Verdict] = []
    for case in (*heldout_near.CASES, *heldout_far.CASES):
        one = judged(listener, case)
        verdicts.append(one)
        if not (one.arguments and one.answer):
            lines.append(f"[{one.case.kind}] {one.case.ask}\n  " + "\n  ".join(one.said))
            if options.wrong:
                options.wrong.write_text("\n".join(lines))
    for near in (True, False):
        some = [one for one in verdicts if one.case.near is near]
        print(f"hand-written, {'near' if near else 'far'}: {_counted(some)}")
        for kind in dict.fromkeys(one.case.kind for one in some):
            print(f"  {kind}: {_counted([one for one in some if one.case.kind == kind])}")
    print(flush=True)
    found, wrong = generated(listener, options.count)
    for kind, counts in sorted(found.items()):
        print(f"made up, {kind}: {counts[True]} of {counts.total()}")
    right = sum(counts[True] for counts in found.values())
    print(f"made up, all: {right} of {sum(counts.total() for counts in found.values())}")
    if options.wrong:
        options.wrong.write_text("\n".join([*lines, "", *wrong]))


def _counted(some: list[Verdict]) -> str:
    return (
        f"tool {sum(v.tool for v in some)}, arguments {sum(v.arguments for v in some)}, answer "
        f"{sum(v.answer for v in some)}, all {sum(v.arguments and v.answer for v in some)} of "
        f"{len(some)}"
    )


if __name__ == "__main__":
    main()
