"""Is what the embedded model learns from what it should be, and kept apart from its exam?"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import jsonschema
import numpy as np
import pytest

from tests.rig.nano import feeding, heldout_far, heldout_near
from tests.rig.nano.conversations import Writer
from tests.rig.nano.spelling import Context, canonical, copied, encoding, plain, token_texts
from tests.rig.nano.tools import families

if TYPE_CHECKING:
    from tests.rig.nano.cases import Case

RECIPE = Path(__file__).parents[3] / "rig/nano"
EXAM = {path.stem for path in [*RECIPE.glob("heldout_*.py"), *RECIPE.glob("exam_*.py")]} | {"cases"}
EXAMINERS = {f"{name}.py" for name in EXAM} | {"evaluate.py", "remembering.py"}
CASES = (*heldout_near.CASES, *heldout_far.CASES)
CALL = re.compile(r"to=functions\.(\S+) .*?<\|message\|>(.*)<\|call\|>$", re.DOTALL)


@pytest.fixture(scope="module")
def writer() -> Writer:
    return Writer()


def test_nothing_that_makes_data_reads_the_exam() -> None:
    for path in RECIPE.glob("*.py"):
        if path.name in EXAMINERS:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in getattr(node, "names", [])]
            names.append(getattr(node, "module", None) or "")
            words = {word for name in names for word in name.split(".")}
            assert not words & {*EXAM, "evaluate"}, path.name


def test_the_exam_is_long_and_asks_nothing_twice() -> None:
    assert len(CASES) >= 200
    assert len({case.ask for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.ask)
def test_a_wanted_call_is_one_that_the_tool_takes(case: Case) -> None:
    schemas = {tool.name: tool.parameters for tool in case.tools}
    for name, arguments in case.calls:
        for given in _every(arguments):
            jsonschema.validate(given, schemas[name])
    assert len(case.results) == len(case.calls)


def _every(arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """The arguments with each choice where there are several."""
    found: list[dict[str, Any]] = [{}]
    for key, value in arguments.items():
        options = value if isinstance(value, tuple) else (value,)
        found = [{**one, key: option} for one in found for option in options]
    return found


def test_far_tools_have_no_name_of_a_known_family() -> None:
    known = {name for family in families() for name in family.names}
    far = {tool.name for case in heldout_far.CASES for tool in case.tools}
    assert not far & known


def test_what_is_said_is_spelled_by_the_tokens_of_the_prompt_but_the_first() -> None:
    context = Context(canonical("<|start|>user<|message|>How is Reykjavik, and Utrecht?<|end|>"))
    found = context.spell(f'{{"city": "{copied("Reykjavik")}"}}<|call|>')
    texts = [token_texts()[token] for token in found]
    assert texts == ['{"', "city", '":', ' "', "Re", "yk", "jav", "ik", '"}', None]
    place = context.ids.index(*canonical(" Reykjav"))
    assert context.ids[place + 1] == found[-3]


def test_whatever_is_said_decodes_to_what_was_meant(writer: Writer) -> None:
    r = Random(5)
    for _ in range(40):
        for sample in writer.samples(r):
            context = Context(sample.prompt)
            marked = re.sub(r'"([^"]+)"', lambda m: f'"{copied(m[1])}"', sample.says)
            assert encoding().decode(context.spell(marked)) == plain(sample.says)


def test_a_made_up_call_is_json_for_a_tool_that_is_offered(writer: Writer) -> None:
    r = Random(6)
    calls = 0
    for _ in range(60):
        for sample in writer.samples(r):
            if found := CALL.search(sample.says):
                calls += 1
                assert f"type {found[1]} = " in encoding().decode(sample.prompt)
                assert isinstance(json.loads(found[2]), dict)
    assert calls > 30


def test_a_seed_makes_the_same_batch_each_time(writer: Writer) -> None:
    one = feeding.packed(writer, Random(9), 2, 1024)
    same = feeding.packed(writer, Random(9), 2, 1024)
    other = feeding.packed(writer, Random(10), 2, 1024)
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not np.array_equal(one.ids, other.ids)


def test_a_row_holds_whole_trees_and_each_branch_goes_on_from_its_tools(writer: Writer) -> None:
    batch = feeding.packed(writer, Random(3), 3, 1024)
    for ids, tree, branch, position, learned in zip(*batch, strict=True):
        assert not learned[tree == 0].any()
        assert not learned[branch == 0].any()
        assert (ids[tree == 0] == feeding.PADDING).all()
        for number in range(1, tree.max() + 1):
            here = tree == number
            shared = (here & (branch == 0)).sum()
            assert (position[here & (branch == 0)] == np.arange(shared)).all()
            for one in range(1, branch[here].max() + 1):
                places = position[here & (branch == one)]
                assert (places == np.arange(shared, shared + len(places))).all()
                assert learned[here & (branch == one)].any()
