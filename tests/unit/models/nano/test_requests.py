"""Does a made-up request still say one call, whatever stands around it and however it is put?"""

from __future__ import annotations

import re
from random import Random

import pytest

from tests.rig.nano import context
from tests.rig.nano.natural import natural
from tests.rig.nano.spelling import token_texts
from tests.rig.nano.tools import Tool, Value, families, give, offer
from tests.rig.nano.values import Values
from tests.rig.nano.wording import ask


@pytest.fixture(scope="module")
def values() -> Values:
    return Values(token_texts())


def _tools(values: Values, r: Random) -> list[Tool]:
    return [offer(family, values, r) for family in [*families(), *natural()]]


def test_all_sentences_around_requests_can_be_filled(values: Values) -> None:
    says = [text for kind in context.kinds() for text in kind.says]
    assert len(says) == len(set(says)) >= 150
    for text in says:
        filled = values.fill(text, Random(1))
        assert "{" not in filled
        assert filled[-1] in ".!"


def test_what_stands_around_a_request_leaves_its_values_as_they_are(values: Values) -> None:
    r = Random(2)
    around = 0
    for tool in _tools(values, r):
        given = give(tool.family, values, r)
        text = ask(tool, given, r)
        said = context.sent(text, [(tool, given)], values, r)
        around += len(said) > len(text) + 12
        for value in given.values():
            assert value.ask or value.said.lower() in said.lower(), (said, value)
    assert around > 50


def test_no_number_stands_beside_a_tool_that_could_mean_it(values: Values) -> None:
    kinds = context.kinds()
    people = next(kind for kind in kinds if "people" in kind.clash)
    named = next(kind for kind in kinds if kind.away and "person" in kind.clash)
    tools = {tool.family.names[0]: tool for tool in _tools(values, Random(3))}
    table, reminder = tools["book_table"], tools["set_reminder"]
    given = {key: Value("x", '"x"') for key in table.family.parameters}
    assert not context.fits(people, [(table, given)])
    assert context.fits(people, [(reminder, dict.fromkeys(reminder.family.parameters, given))])
    message = tools["send_message"]
    assert not context.fits(named, [(message, {})])
    full = {key: Value("x", '"x"') for key in message.family.parameters}
    assert context.fits(named, [(message, full)])


def test_where_an_argument_is_missing_no_sentence_says_one(values: Values) -> None:
    fitting = [kind for kind in context.kinds() if context.fits(kind, [])]
    assert len(fitting) == 1
    assert not re.search(r"[\d{]", " ".join(fitting[0].says))


def test_nothing_is_said_behind_a_free_text(values: Values) -> None:
    r = Random(4)
    note = next(tool for tool in _tools(values, r) if tool.family.names[0] == "create_note")
    given = {"text": Value("we meet at 10", '"we meet at 10"')}
    more = {text for kind in context.kinds() for text in kind.says if "{" not in text}
    for _ in range(300):
        said = context.sent("Note that we meet at 10", [(note, given)], values, r)
        assert not any(said.endswith(text) for text in more), said
