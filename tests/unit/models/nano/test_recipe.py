"""Is what the embedded model learns from what it should be, and kept apart from its exam?"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from random import Random
from typing import Any

import jsonschema
import numpy as np
import pytest

from tests.rig.nano import builtin, feeding
from tests.rig.nano.asks import Bound, parse
from tests.rig.nano.conversations import Writer, toolset
from tests.rig.nano.evaluate import DEVELOPMENT, FRESH
from tests.rig.nano.forms import TOLD, ended, past
from tests.rig.nano.given import give
from tests.rig.nano.instructions import ending_tool, instructions
from tests.rig.nano.natural import natural
from tests.rig.nano.pairs import pair
from tests.rig.nano.spelling import Context, canonical, copied, encoding, plain, token_texts
from tests.rig.nano.steps import Step
from tests.rig.nano.tools import families, offer
from tests.rig.nano.turns import one_call
from tests.rig.nano.values import DATA, Values
from tests.rig.nano.wording import ask

RECIPE = Path(__file__).parents[3] / "rig/nano"
SETS = ("heldout_*.py", "fresh_*.py", "exam_*.py")
EXAM = {path.stem for name in SETS for path in RECIPE.glob(name)} | {"cases"}
EXAMINERS = {f"{name}.py" for name in EXAM} | {"evaluate.py", "remembering.py", "errand_page.py"}
CASES = (*DEVELOPMENT, *FRESH)
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
    for cases in (DEVELOPMENT, FRESH):
        assert len({case.ask for case in cases}) == len(cases)


def test_a_wanted_call_is_one_that_the_tool_takes() -> None:
    for case in CASES:
        schemas = {tool.name: tool.parameters for tool in case.tools}
        for name, arguments in case.calls:
            for given in _every(arguments):
                jsonschema.validate(given, schemas[name])
        assert len(case.results) == len(case.calls), case.ask


def _every(arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """The arguments with each choice where there are several."""
    found: list[dict[str, Any]] = [{}]
    for key, value in arguments.items():
        options = value if isinstance(value, tuple) else (value,)
        found = [{**one, key: option} for one in found for option in options]
    return found


def test_far_tools_have_no_name_of_a_known_family() -> None:
    known = {name for family in families() for name in family.names}
    far = {tool.name for case in DEVELOPMENT if not case.near for tool in case.tools}
    assert not far & known


def test_the_tools_that_toolrun_brings_are_known_as_they_are() -> None:
    assert builtin.described() == json.loads((DATA / "builtin.json").read_text())
    offered = {tool.name for _ in range(60) for tool in builtin.some(Random(_))}
    assert offered == {told["name"] for told in builtin.described()}


@pytest.mark.parametrize("times", [1, pytest.param(3, marks=pytest.mark.load)])
def test_each_request_says_all_that_its_call_is_given(times: int) -> None:
    values, r = Values(token_texts()), Random(1)
    for family in [*families(), *natural()] * times:
        tool = offer(family, values, r)
        given = give(family, values, r)
        text = ask(tool, given, r)
        assert not re.search(r"\{\w+\}", text), text
        arguments = json.loads(plain(tool.call(given)))
        if tool.schema is not None:
            jsonschema.validate(arguments, tool.schema)
        for value in given.values():
            assert value.ask or value.said in text, (text, value)


def test_a_request_may_say_a_value_as_a_whole() -> None:
    asks = parse(["Lock it[ at {time}] => action: lock; loud: true", "say {word}[, {time}]"])
    assert asks.plain == ("say {word}",)
    assert asks.bound == (Bound("Lock it", {"action": "lock", "loud": "true"}),)
    assert asks.said == {"time": ("at {time}", ", {time}")}


def test_two_values_of_one_kind_are_told_apart_by_the_words_beside_them() -> None:
    values, r = Values(token_texts()), Random(8)
    swapped = 0
    for _ in range(200):
        family = pair(values, r)
        assert len(family.parameters) == 2
        for text in family.asks:
            assert {"a", "b"} <= set(re.findall(r"\{(\w)\}", text))
            swapped += text.index("{b}") < text.index("{a}")
    assert 200 < swapped < 1400


@pytest.mark.load
def test_what_was_wrong_in_itself_is_read_and_not_learned(writer: Writer) -> None:
    r = Random(12)
    refused = told = 0
    for _ in range(400):
        for branch in writer.tree(r).branches:
            text = encoding().decode(branch.ids)
            wrong = re.search(r"There is no tool '(.*?)'", text)
            if wrong is None:
                continue
            refused += 1
            pairs = zip(branch.ids, branch.learned, strict=True)
            learned = encoding().decode([token for token, right in pairs if right])
            assert f"to=functions.{wrong[1]} " not in learned
            told += "It was not run. I call" in text  # elsewhere the reasoning was dropped
        if refused > 12:
            break
    assert refused > 12
    assert told > 4


def test_where_only_a_call_ends_a_task_the_answer_is_a_call(writer: Writer) -> None:
    values, r = Values(token_texts()), Random(2)
    tools = toolset(values, r)
    end = ending_tool(values, r)
    assert end.name in (instructions(tools, end, values, r) or "")
    done = next(turn for _ in range(50) if (turn := one_call(tools, values, r)).steps[-1].answer)
    last = ended(done, end).steps[-1]
    assert (last.tool, last.answer) == (end.name, "")
    (said,) = json.loads(plain(last.arguments)).values()
    assert said == plain(done.steps[-1].answer)


def test_a_framework_tells_of_calls_and_keeps_no_thoughts() -> None:
    step = Step("I call it.", tool="dial", arguments='{"who": "Ann"}', result="busy")
    text = past(step, TOLD, thought=True)
    assert "I call it." not in text
    assert "'arguments': {'who': 'Ann'}" in text
    assert text.endswith("<|start|>user<|message|>Observation:\nbusy<|end|>")


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


def test_a_call_that_was_wrong_in_itself_is_no_sample(writer: Writer) -> None:
    r = Random(13)
    after = 0
    for _ in range(300):
        for sample in writer.samples(r):
            prompt = encoding().decode(sample.prompt)
            after += "There is no tool '" in prompt
            if found := CALL.search(sample.says):
                assert f"type {found[1]} = " in prompt
    assert after


def test_a_seed_makes_the_same_batch_each_time(writer: Writer) -> None:
    one = feeding.packed(writer, Random(9), 2, 1024)
    same = feeding.packed(writer, Random(9), 2, 1024)
    other = feeding.packed(writer, Random(10), 2, 1024)
    for name in feeding.Batch._fields:
        assert np.array_equal(getattr(one, name), getattr(same, name))
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
