"""Which mutants do the tests not kill? `python -m tests.mutants`, in an environment with mutmut.

    python -m tests.mutants --count 60 toolrun/turn.py toolrun/journal.py

First the tests are run once, to know which of them runs which line. What became of each mutant is
in `.mutants/verdicts`, a line each; a table and the survivors are printed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

import msgspec

from tests.mutants.plan import ROOT, sampled
from tests.mutants.work import Mutant, Verdict, Work

if TYPE_CHECKING:
    from pathlib import Path

FOLDER: Final = ROOT / ".mutants"
SANDBOX: Final = ("protocol", "outcomes", "run", "inside/job", "inside/values")
"""What carries a result out of a box."""
FILES: Final = (
    "toolrun/turn.py",
    "toolrun/journal.py",
    *sorted(str(each.relative_to(ROOT)) for each in (ROOT / "toolrun/tools").glob("*.py")),
    *(f"toolrun/sandbox/{name}.py" for name in SANDBOX),
)
TESTS: Final = (
    *sorted(
        str(each.relative_to(ROOT))
        for each in (ROOT / "tests/unit/tools").glob("test_*.py")
        if each.name != "test_verdicts.py"  # thousands, of one function
    ),
    *(
        f"tests/unit/sandbox/test_{name}.py"
        for name in (
            "job",
            "outcomes",
            "protocol",
            "protocol_fuzz",
            "run",
            "values",
            "watch",
            "sandbox",
        )
    ),
    *(
        f"tests/unit/test_{name}.py"
        for name in (
            "approvals",
            "decisions",
            "draining",
            "journal",
            "journal_sinks",
            "limits",
            "output",
            "resume",
            "session",
            "spending",
            "step",
            "stored",
            "stream",
            "turn",
            "turn_alone",
        )
    ),
    "tests/unit/otel",
)
CHOICE: Final = ("-m", "not vllm and not load and not alone", "-k", "not trio or test_threads")
"""On asyncio alone, but for what speaks with either loop."""


def main() -> int:
    """Make mutants, try them, say what is left."""
    asked = _asked()
    FOLDER.mkdir(exist_ok=True)
    if _is_stale(FOLDER / "coverage"):
        _measure()
    mutants = [m for file in asked.files for m in sampled(file, asked.count, asked.seed)]
    if asked.only:
        mutants = [each for each in mutants if each.name in set(asked.only)]
    verdicts = _tried(mutants, asked.processes)
    print(_told(mutants, verdicts))
    return 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.mutants", description=__doc__)
    parser.add_argument("files", nargs="*", default=FILES, help="modules; all that are tried else")
    parser.add_argument("--count", type=int, help="mutants of each module, by chance; all else")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", help="names of mutants: to try some again")
    parser.add_argument("--processes", type=int, default=2)
    return parser.parse_args()


def _pytest(*arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COVERAGE_FILE": str(FOLDER / "coverage")}
    return subprocess.Popen([*command, *CHOICE, *TESTS], cwd=ROOT, env=environment)


def _is_stale(coverage: Path) -> bool:
    """Whether a module or a test has changed since it was measured which test runs which line."""
    sources = [*ROOT.glob("toolrun/**/*.py"), *ROOT.glob("tests/unit/**/*.py")]
    return not coverage.exists() or coverage.stat().st_mtime < max(
        each.stat().st_mtime for each in sources
    )


def _measure() -> None:
    """Which test runs which line, and how long does it take?"""
    times = f"--junitxml={FOLDER / 'durations.xml'}"
    _pytest("-n2", "--cov=toolrun", "--cov-context=test", "--cov-report=", times).wait()


def _durations() -> dict[str, float]:
    cases = ET.parse(FOLDER / "durations.xml").iter("testcase")
    found = {}
    for case in cases:
        file = case.get("classname", "").replace(".", "/")
        found[f"{file}.py::{case.get('name')}"] = float(case.get("time", 0))
    return found


def _tried(mutants: list[Mutant], processes: int) -> list[Verdict]:
    """What becomes of the mutants; a process of tests has every so many of them."""
    durations, coverage = _durations(), str(FOLDER / "coverage")
    running = []
    for number in range(processes):
        verdicts, plan = FOLDER / f"verdicts-{number}", FOLDER / f"work-{number}"
        verdicts.unlink(missing_ok=True)
        work = Work(mutants[number::processes], coverage, durations, str(verdicts))
        plan.write_bytes(msgspec.json.encode(work))
        plugin = ("-p", "tests.mutants.plugin", "--tb=no", "--assert=plain")
        running.append((_pytest(*plugin, f"--work={plan}"), verdicts))
    lines = []
    for process, verdicts in running:
        process.wait()
        lines += verdicts.read_bytes().splitlines()
    return [msgspec.json.decode(line, type=Verdict) for line in lines]


def _told(mutants: list[Mutant], verdicts: list[Verdict]) -> str:
    """The survivors, and a table of all."""
    by_name = {each.name: each for each in verdicts}
    left, counts = [], defaultdict[str, Counter[str]](Counter)
    for mutant in mutants:
        verdict = by_name[mutant.name]
        counts[mutant.file][verdict.fate] += 1
        if verdict.fate in {"survived", "untested"}:
            left.append(f"{verdict.fate} ({verdict.tests} tests): {mutant.name}\n{mutant.diff}")
    counts["all"] = sum(counts.values(), Counter())
    return "\n".join(
        [*left, "| module | mutants | killed | share |", "| --- | --- | --- | --- |"]
    ) + "".join(
        f"\n| {file} | {tried} | {killed} | {killed / max(tried, 1):.0%} |"
        for file, fates in counts.items()
        for tried in [fates.total() - fates["invalid"]]
        for killed in [fates["killed"] + fates["hung"]]
    )


if __name__ == "__main__":
    sys.exit(main())
