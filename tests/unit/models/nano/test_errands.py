"""Is an errand judged by what was known at the end, and is the table written where it belongs?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.rig.nano import errand_page
from tests.rig.nano.between import Heard
from tests.rig.nano.errand_page import Row, Share, row
from tests.rig.nano.errand_tools import BY_NAME
from tests.rig.nano.errands import KINDS, Errand, judged, make
from tests.rig.nano.spelling import encoding

if TYPE_CHECKING:
    from pathlib import Path

SECRET = Errand(
    "secret-0",
    "secret",
    "Think of a secret city. Then look up the time in Seoul. At last hand the city to reveal.",
    ("reveal", "get_time"),
    ("get_time",),
    "reveal",
    "city",
)
THOUGHT = "My city is Oslo. First I call functions.get_time, then functions.reveal."


def step(name: str, arguments: str, *, back: str = "", thought: str = "Now.") -> Heard:
    """A step that calls a tool, its prompt with or without the first step's reasoning."""
    told = f"<|channel|>analysis<|message|>{back}<|end|>" if back else ""
    sent: list[dict[str, Any]] = [{"role": "user", "content": SECRET.user}]
    if back:
        sent.append({"role": "assistant", "reasoning": back})
    call = {"function": {"name": name, "arguments": arguments}}
    prompt = tuple(encoding().encode(f"<|start|>{told}", allowed_special="all"))
    return Heard(sent, prompt, {"reasoning": thought, "tool_calls": [call]})


FIRST = step("get_time", '{"city": "Seoul"}', thought=THOUGHT)


@pytest.mark.parametrize(
    ("last", "done"),
    [
        ('{"secret": "Oslo"}', True),
        ('{"secret": "Seoul"}', False),
        ('{"secret": "Oslo or Rome"}', False),
        ("Oslo", False),
    ],
)
def test_done_is_what_tells_the_word_that_the_first_step_thought(
    last: str,
    *,
    done: bool,
) -> None:
    verdict = judged(SECRET, [FIRST, step("reveal", last, back=THOUGHT)])

    assert verdict.done is done
    assert verdict.prepared
    assert verdict.back == (1, 1)
    assert verdict.fields == {"reasoning"}


def test_a_prompt_without_the_first_reasoning_is_counted_as_such() -> None:
    verdict = judged(SECRET, [FIRST, step("reveal", '{"secret": "Oslo"}', back="Now.")])

    assert verdict.back == (0, 1)
    assert verdict.fields == set()


def test_an_errand_without_its_other_call_is_neither_prepared_nor_done() -> None:
    told = judged(SECRET, [step("reveal", '{"secret": "Oslo"}', thought=THOUGHT)])
    twice = judged(SECRET, [FIRST, FIRST, step("reveal", '{"secret": "Oslo"}')])
    silent = judged(SECRET, [])

    assert (told.prepared, told.done) == (False, False)
    assert (twice.prepared, twice.done) == (False, True)
    assert (silent.prepared, silent.done, silent.back) == (False, False, (0, 0))


@pytest.mark.parametrize("kind", KINDS)
def test_errands_are_the_same_each_time_and_each_is_told_apart(kind: Any) -> None:
    errands = make(kind, 60)

    assert errands == make(kind, 60)
    assert len({errand.user for errand in errands}) == len(errands)
    for errand in errands:
        assert {*errand.between, errand.tell} < {*errand.tools} <= BY_NAME.keys()
        assert bool(errand.truth) is (kind == "worked out")


def test_a_table_is_written_between_the_marks_alone(tmp_path: Path) -> None:
    begin, end = errand_page._BEGIN, errand_page._END
    pages = [tmp_path / "a.md", tmp_path / "b.md"]
    for page in pages:
        page.write_text(f"before\n{begin}old\n{end}after\n")
    other = row("two", {}, [(SECRET, judged(SECRET, [FIRST]))])
    found = row("one", {"pip": "1.0"}, [(SECRET, judged(SECRET, [FIRST]))])

    errand_page.write([other], ["one", "two"], *pages)
    errand_page.write([found], ["one", "two"], *pages)

    assert found == Row(
        "one (pip 1.0)",
        (),
        (0, 0),
        {"secret": Share(0, 1), "worked out": Share(0, 0)},
        Share(0, 1),
    )
    short, whole = (page.read_text() for page in pages)
    assert short.startswith(f"before\n{begin}\n| client | ")
    assert whole.endswith(f"|\n\n{end}after\n")
    assert short.count("|\n") == whole.count("|\n") == 4
    assert whole.index("| one (pip 1.0) |") < whole.index("| two |")
    assert len(short) < len(whole)


def test_a_page_without_marks_is_named(tmp_path: Path) -> None:
    page = tmp_path / "a.md"
    page.write_text("text\n")

    with pytest.raises(ValueError, match=r"a\.md lacks the marks"):
        errand_page.write([], [], page, page)
