"""How good is a model's file? `python -m tests.rig.nano.evaluate FILE` on one core of a CPU.

Four sets. The exam (`exam_*`) is hand-written requests, as whole conversations; of it only totals
are told, so that nobody mends single failures in the training data and then counts them as won. The
development set (`heldout_*`) and the fresh set (`fresh_*`, where like tools are offered together)
are the same in kind, but were looked at while the data was improved. The fourth is unseen made-up
conversations, step by step, compared text by text. The intervals are Wilson's, of 95%. Needs what
direct sampling needs.

Among some 5,000 tools of the data are names that hand-written requests use as well: what calls
these, and what calls tools whose names the data lacks, is told apart.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import re
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from tests.rig.nano import (
    exam_far,
    exam_far_world,
    exam_near,
    exam_near_world,
    fresh_far,
    fresh_near,
    heldout_far,
    heldout_near,
)
from tests.rig.nano.conversations import Writer, render_head
from tests.rig.nano.forms import OPENING, result
from tests.rig.nano.forms import SAMPLED as FORM
from tests.rig.nano.natural import natural
from tests.rig.nano.spelling import canonical, encoding
from tests.rig.nano.steps import Step
from tests.rig.nano.tools import families
from toolrun.models.harmony.tokens import CALL, RETURN
from toolrun.models.nano.run import Past, Run
from toolrun.models.nano.sampler import NanoSampler
from toolrun.values import Sampling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tests.rig.nano.cases import Case
    from tests.rig.nano.conversations import Sample
    from toolrun.models.nano.run import Voice

SEED = 987_654_321
"""Of the made-up conversations; far from any of the training's."""
EXAM: tuple[Case, ...] = (
    *exam_near.CASES, *exam_near_world.CASES, *exam_far.CASES, *exam_far_world.CASES,
)  # fmt: skip
DEVELOPMENT: tuple[Case, ...] = (*heldout_near.CASES, *heldout_far.CASES)
FRESH: tuple[Case, ...] = (*fresh_near.CASES, *fresh_far.CASES)
HAND_WRITTEN = {"exam": EXAM, "development": DEVELOPMENT, "fresh": FRESH}
MADE_UP = "made-up"
_SURE = 1.96
_DATE = "2025-10-20"
_LONGEST = 220
_STEPS = 5
CALLED = re.compile(r"to=functions\.([^\s<]+).*?<\|message\|>(.*)<\|call\|>$", re.DOTALL)
"""A call, as the model makes it: the tool, the arguments."""
_ANSWERED = re.compile(r"<\|channel\|>final<\|message\|>(.*)<\|return\|>$", re.DOTALL)
_NO_LETTER = re.compile(r"[^a-z]")
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
_Given = TypeVar("_Given")
_Told = TypeVar("_Told")


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


def conversations(count: int) -> list[list[Sample]]:
    """Unseen made-up conversations of so many samplings in all, or a few more."""
    writer, r = Writer(), Random(SEED)
    found: list[list[Sample]] = []
    while sum(map(len, found)) < count:
        found.append(writer.samples(r))
    return found


def interval(right: int, count: int) -> tuple[float, float]:
    """Wilson's interval of a share."""
    share, z = right / count, _SURE
    middle = share + z * z / (2 * count)
    wide = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    whole = 1 + z * z / count
    return max(0.0, (middle - wide) / whole), min(1.0, (middle + wide) / whole)


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


@cache
def _listener(file: Path) -> Listener:
    """The model, read once in a process."""
    return Listener(NanoSampler(file).voice())


def _judge(file: Path, case: Case) -> Verdict:
    return judged(_listener(file), case)


def _say(file: Path, samples: list[Sample]) -> list[str]:
    return [encoding().decode(_listener(file).sample(sample.prompt)) for sample in samples]


@contextmanager
def _spread(
    processes: int,
) -> Iterator[Callable[[Callable[[_Given], _Told], Iterable[_Given]], Iterable[_Told]]]:
    """A `map` over so many processes, each on one core."""
    if processes == 1:
        yield map
        return
    os.environ.update(dict.fromkeys(_THREADS, "1"))  # read by numpy when a process starts
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        yield pool.map


def main() -> None:
    """Evaluate, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("file", type=Path)
    parser.add_argument("--only", choices=[*HAND_WRITTEN, MADE_UP], help="one set of the four")
    parser.add_argument("--count", type=int, default=400, help="steps of made-up conversations")
    parser.add_argument("--processes", type=int, default=1, help="how many share the work")
    parser.add_argument(
        "--wrong", type=Path, help="where what came out wrong is written, but nothing of the exam"
    )
    parser.add_argument(
        "--exam-too", action="store_true", help="write the exam's failures as well: it ends as exam"
    )
    options = parser.parse_args()
    if options.exam_too and not options.wrong:
        parser.error("--exam-too needs --wrong FILE to write to")
    wrong: list[str] = []
    with _spread(options.processes) as spread:
        for name, cases in HAND_WRITTEN.items():
            if options.only in (None, name):
                verdicts = list(spread(partial(_judge, options.file), cases))
                print("\n".join(summary(name, verdicts)), flush=True)
                if name != "exam" or options.exam_too:
                    wrong += failures(name, verdicts)
        if options.only in (None, MADE_UP):
            some = conversations(options.count)
            said = list(spread(partial(_say, options.file), some))
            wrong += _compared(some, said)
    if options.wrong:
        options.wrong.write_text("\n".join(wrong))


def summary(name: str, verdicts: Sequence[Verdict]) -> list[str]:
    """The totals of a set, near and far, and of each kind: nothing of what was asked or said."""
    lines: list[str] = []
    for near in (True, False):
        some = [one for one in verdicts if one.case.near is near]
        lines.append(f"{name}, {'near' if near else 'far'}: {_counted(some)}")
        lines += [
            f"  {kind}: {_counted([one for one in some if one.case.kind == kind])}"
            for kind in dict.fromkeys(one.case.kind for one in some)
        ]
        calling = [one for one in some if one.case.calls]
        for known, what in ((True, "the data has"), (False, "the data lacks")):
            of_these = [one for one in calling if _is_known(one.case) is known]
            if of_these:
                lines.append(f"  calls of tools whose names {what}: {_counted(of_these)}")
    return lines


def _is_known(case: Case) -> bool:
    """Whether some tool of the data has the name of each that must be called: by chance."""
    return all(_bare(name) in _names() for name, _ in case.calls)


@cache
def _names() -> frozenset[str]:
    return frozenset(_bare(name) for one in (*families(), *natural()) for name in one.names)


def _bare(name: str) -> str:
    return _NO_LETTER.sub("", name.lower())


def failures(name: str, verdicts: Sequence[Verdict]) -> list[str]:
    """What was asked and said where something came out wrong."""
    return [
        f"[{name}, {one.case.kind}] {one.case.ask}\n  " + "\n  ".join(one.said)
        for one in verdicts
        if not (one.arguments and one.answer)
    ]


def _counted(some: Sequence[Verdict]) -> str:
    right = sum(v.arguments and v.answer for v in some)
    return (
        f"tool {sum(v.tool for v in some)}, arguments {sum(v.arguments for v in some)}, answer "
        f"{sum(v.answer for v in some)}, all {_share(right, len(some))}"
    )


def _share(right: int, count: int) -> str:
    low, high = interval(right, count)
    return f"{right} of {count} ({100 * low:.0f} to {100 * high:.0f}%)"


def _compared(some: list[list[Sample]], said: list[list[str]]) -> list[str]:
    """Prints how many steps came out to the letter, by kind; gives those that did not."""
    found: dict[str, Counter[bool]] = defaultdict(Counter)
    wrong: list[str] = []
    for samples, texts in zip(some, said, strict=True):
        for sample, text in zip(samples, texts, strict=True):
            found[sample.kind][text == sample.says] += 1
            if text != sample.says:
                wrong.append(f"[{sample.kind}]\nwant {sample.says}\ngot  {text}")
    for kind, counts in sorted(found.items()):
        print(f"made up, {kind}: {counts[True]} of {counts.total()}")
    every = sum(found.values(), Counter())
    print(f"made up, all: {_share(every[True], every.total())}", flush=True)
    return wrong


if __name__ == "__main__":
    main()
