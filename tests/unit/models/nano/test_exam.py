"""Is the exam of the embedded model fair: can each request be met, and by what it says?"""

from __future__ import annotations

import functools
import json
import re
import tomllib
from collections import Counter
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from tests.rig.nano import evaluate
from tests.rig.nano.asks import HOLE
from tests.rig.nano.cases import CHAT, MISSING, NO_TOOL, ONE, TWO, Case
from tests.rig.nano.evaluate import DEVELOPMENT, EXAM, FRESH, Verdict, failures, interval, summary
from tests.rig.nano.tools import families
from tests.rig.nano.values import DATA

if TYPE_CHECKING:
    from pathlib import Path

SILENT = {NO_TOOL, MISSING, CHAT}


def test_the_exam_is_long_and_asks_nothing_twice_nor_what_is_known() -> None:
    assert min(sum(case.near is near for case in EXAM) for near in (True, False)) >= 110
    asks = {case.ask.lower() for case in EXAM}
    assert len(asks) == len(EXAM)
    assert not asks & {case.ask.lower() for case in DEVELOPMENT}


@pytest.mark.parametrize("near", [True, False])
def test_each_half_asks_for_more_than_single_calls(*, near: bool) -> None:
    kinds = Counter(case.kind for case in EXAM if case.near is near)
    assert 0.65 < kinds[ONE] / kinds.total() < 0.78
    assert len(kinds) == 6
    assert min(kinds.values()) >= 4


def test_far_tools_have_no_name_of_a_known_family() -> None:
    known = {name for family in families() for name in family.names}
    far = {tool.name for case in EXAM if not case.near for tool in case.tools}
    assert not far & known


@functools.cache
def _checked(schema: str) -> Any:
    """What checks arguments; many requests are offered the same tools."""
    parsed = json.loads(schema)
    jsonschema.Draft202012Validator.check_schema(parsed)
    return jsonschema.Draft202012Validator(parsed)


@pytest.mark.parametrize("case", EXAM, ids=lambda case: case.ask)
def test_a_request_can_be_met_by_what_it_says(case: Case) -> None:
    schemas = {tool.name: _checked(json.dumps(tool.parameters)) for tool in case.tools}
    assert len(schemas) == len(case.tools)
    assert len(case.results) == len(case.calls)
    assert bool(case.calls) == (case.kind not in SILENT)
    assert (len(case.calls) > 1) or case.kind != TWO
    said = case.ask
    for (name, arguments), result in zip(case.calls, case.results, strict=True):
        options = {key: _options(wanted) for key, wanted in arguments.items()}
        first = {key: some[0] for key, some in options.items()}
        for key, some in options.items():
            for option in some:
                schemas[name].validate({**first, key: option})
            if "enum" not in schemas[name].schema["properties"][key]:
                assert any(_stands(option, said) for option in some), (key, some)
        schemas[name].validate(first)
        assert first.keys() <= schemas[name].schema["properties"].keys()
        said += f"\n{result}"


def test_the_answers_wanted_are_in_the_results() -> None:
    for case in EXAM:
        given = "\n".join(case.results).lower()
        assert case.must, case.ask
        for must in case.must if case.calls else ():
            assert any(option.lower() in given for option in _options(must)), (case.ask, must)


def _options(wanted: Any) -> tuple[Any, ...]:
    return wanted if isinstance(wanted, tuple) else (wanted,)


def _stands(value: Any, text: str) -> bool:
    """Whether a text says a value: a string to the letter, a number as a word of its own."""
    if isinstance(value, bool):
        return True
    if isinstance(value, list):
        return all(_stands(one, text) for one in value)
    if isinstance(value, str):
        return value in text
    return value in map(float, re.findall(r"(?<!\d)-?\d+(?:\.\d+)?", text))


def test_a_summary_tells_totals_and_nothing_of_a_request() -> None:
    some = [
        Verdict(case, tool=True, arguments=case.kind == ONE, answer=True, said=["SAID"])
        for case in EXAM
    ]
    near = [case for case in EXAM if case.near]
    right = sum(case.kind == ONE for case in near)
    told = "\n".join(summary("exam", some))
    low, high = (f"{100 * bound:.0f}" for bound in interval(right, len(near)))
    assert f"all {right} of {len(near)} ({low} to {high}%)" in told
    assert "SAID" not in told
    assert not any(case.ask in told for case in EXAM if len(case.ask) > 10)
    assert len(failures("exam", some)) == len(EXAM) - sum(c.kind == ONE for c in EXAM)


@pytest.mark.parametrize("more", [[], ["--exam-too"]])
def test_failures_of_the_exam_are_written_only_where_that_is_asked_for(
    more: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(_: Path, case: Case) -> Verdict:
        return Verdict(case, tool=False, arguments=False, answer=False, said=["SAID"])

    written = tmp_path / "wrong.txt"
    monkeypatch.setattr(evaluate, "_judge", wrong)
    arguments = ["evaluate", "FILE", "--count", "0", "--wrong", str(written), *more]
    monkeypatch.setattr("sys.argv", arguments)
    monkeypatch.setattr(evaluate, "_compared", lambda *_: [])
    evaluate.main()
    counted = Counter(re.findall(r"^\[(exam|development), ", written.read_text(), re.MULTILINE))
    assert counted["development"] == len(DEVELOPMENT)
    assert counted["exam"] == (len(EXAM) if more else 0)


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    [(0, 10, 0.0, 0.2775), (8, 10, 0.4902, 0.9433), (50, 100, 0.4038, 0.5962)],
)
def test_an_interval_is_wilsons(right: int, count: int, low: float, high: float) -> None:
    assert interval(right, count) == pytest.approx((low, high), abs=1e-4)


def test_no_line_of_the_suites_is_nearly_a_judged_request() -> None:
    """What they say is compared without their holes, by words."""
    judged = [_words(case.ask) for case in (*EXAM, *FRESH, *DEVELOPMENT)]
    for path in sorted(DATA.glob("natural_suite_*.toml")):
        body = tomllib.loads(path.read_text())
        lines = [line for tool in body["tool"] for line in tool["asks"]]
        lines += [
            line.partition(": ")[2] for tool in body["tool"] for line in tool.get("twice", ())
        ]
        lines += [line for chain in body.get("chain", ()) for line in chain["asks"]]
        for line in lines:
            words = _words(HOLE.sub(" ", line.partition(" => ")[0]))
            if len(words) > 2:
                assert not any(_nearly(words, one) for one in judged), (path.name, line)


def _nearly(words: set[str], others: set[str]) -> bool:
    """Whether almost all words of a line stand in a request, and are most of it."""
    both = words & others
    enough = len(both) >= 0.85 * len(words) and len(both) >= 0.62 * len(others)
    return enough and len(both - _LITTLE) > 1


_LITTLE = frozenset((
    "the", "a", "an", "to", "of", "in", "on", "for", "is", "are", "at", "me", "i", "my", "it",
    "with", "and", "please", "can", "you", "what", "how", "from", "by", "do", "be", "this", "that",
    "s",
))  # fmt: skip


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z']+", text.lower()))
