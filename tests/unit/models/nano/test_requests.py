"""Does a made-up request still say one call, whatever stands around it and however it is put?"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest

from tests.rig.nano import again, builtin, context, lacking, turns
from tests.rig.nano import natural as written
from tests.rig.nano.asks import HOLE
from tests.rig.nano.conversations import toolset
from tests.rig.nano.given import give
from tests.rig.nano.lacking import cut, vague
from tests.rig.nano.natural import beside, natural
from tests.rig.nano.numerals import in_words, spoken
from tests.rig.nano.pairs import pair
from tests.rig.nano.spelling import plain, token_texts
from tests.rig.nano.tools import Tool, Value, families, offer
from tests.rig.nano.turns import joined
from tests.rig.nano.values import DATA, Values
from tests.rig.nano.wording import ask, dressed, wordings


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
        for key, value in given.items():
            begun = value.said.capitalize() if tool.family.parameters[key].enum else value.said
            assert value.ask or value.said in said or begun in said, (said, value)
    assert around > 50


def test_no_number_stands_beside_a_tool_that_could_mean_it(values: Values) -> None:
    kinds = context.kinds()
    people = next(kind for kind in kinds if "people" in kind.clash)
    named = next(kind for kind in kinds if kind.away and "person" in kind.clash)
    tools = {tool.family.names[0]: tool for tool in _tools(values, Random(3))}
    table, reminder = tools["book_table"], tools["set_reminder"]
    given = {key: Value("x", '"x"') for key in table.family.parameters}
    assert not context.fits(people, [(table, given)])
    assert context.fits(
        people, [(reminder, dict.fromkeys(reminder.family.parameters, Value("x", '"x"')))]
    )
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


def test_there_are_many_ways_to_put_a_request_and_each_has_one_place_for_it() -> None:
    frames = wordings()["frames"]
    assert sum(map(len, frames.values())) >= 150
    for kind, lines in frames.items():
        assert all(line.count("{}") == 1 for line in lines), kind
        assert len(set(lines)) == len(lines), kind


def test_only_an_imperative_follows_what_wants_a_verb() -> None:
    r, frames = Random(5), wordings()["frames"]
    wanting = [text.partition("{}")[0] for text in frames["verbal"] if text[0].isalpha()]
    wanting = [text.lower() for text in wanting if text.endswith(("to ", "could ", "should "))]
    assert len(wanting) > 20
    for _ in range(600):
        said = dressed("how old is the bridge?", r).lower()
        assert not any(f"{text}how" in said for text in wanting), said
    all_said = [dressed("open the bridge", r).lower() for _ in range(600)]
    assert sum(any(f"{text}open" in said for text in wanting) for said in all_said) > 10


def test_a_value_that_a_request_begins_with_keeps_its_letters() -> None:
    r = Random(6)
    for text in ("deka.txt is old, delete it", "Deka needs a nurse", "Open {x}"):
        said = {dressed(text, r) for _ in range(400)}
        if text == "Open {x}":
            assert any("open {x}" in one for one in said)
        else:
            assert all(text.rstrip("?") in one for one in said)


def test_what_ends_with_a_free_text_gets_nothing_behind_it_that_could_belong_to_it() -> None:
    r, words = Random(7), wordings()
    behind = {*words["after"], *words["when"], *words["before"]} - {"please", "for me"}
    for _ in range(600):
        said = dressed("Note that the sea is cold", r, free=True)
        assert not said.rstrip(".").endswith(tuple(one.rstrip(".") for one in behind)), said


def test_a_number_in_words_has_one_meaning_and_the_call_has_its_digits(values: Values) -> None:
    r = Random(8)
    said: dict[str, int] = {}
    for tool in [tool for _ in range(12) for tool in _tools(values, r)]:
        given = give(tool.family, values, r)
        before = ask(tool, given, r)
        text, after = spoken(before, tool, given, r)
        changed = [key for key in given if given[key] != after[key]]
        assert (text != before) == bool(changed)
        arguments = json.loads(plain(tool.call(after)))
        for key in changed:
            assert after[key].said in text
            said[after[key].said] = arguments[tool.names[key]]
    assert said["half an hour"] == 30
    assert said["half a dozen"] == 6
    assert len(said) > 40
    assert all(isinstance(number, int) for number in said.values())


def test_numbers_below_a_hundred_are_written_as_english_has_them() -> None:
    assert [in_words(n) for n in (0, 12, 19, 20, 21, 45, 99)] == [
        "zero", "twelve", "nineteen", "twenty", "twenty-one", "forty-five", "ninety-nine",
    ]  # fmt: skip


def test_a_number_is_said_in_words_only_where_the_parameter_takes_it(values: Values) -> None:
    r = Random(9)
    chargers = next(tool for tool in _tools(values, r) if "find_charger" in tool.family.names)
    given = {"place": Value("Ulm", '"Ulm"'), "power": Value("50", "50")}
    for _ in range(200):
        text, after = spoken("chargers near Ulm, 50 points", chargers, given, r)
        number = int(plain(after["power"].json))
        assert 11 <= number <= 350
        assert (text == "chargers near Ulm, 50 points") == (after == given)


def test_a_tool_beside_another_is_of_its_file_and_cannot_be_meant_instead() -> None:
    r = Random(10)
    every = natural()
    for place in range(20, len(every) - 20, 37):
        family = every[place]
        words = set(" ".join(family.names).lower().split("_"))
        takes = sorted(one.value for one in family.parameters.values() if one.chance is None)
        for _ in range(10):
            other = beside(family, r)
            if other is None or (family.suite and other.suite == family.suite):
                continue
            assert other is not family
            near = every[place - 12 : place + 13]
            assert any(other is one for one in near)
            its = sorted(one.value for one in other.parameters.values() if one.chance is None)
            assert its != takes or not words & set(" ".join(other.names).lower().split("_"))
    made = replace(every[0], names=("nobody_has_this",))
    assert beside(made, r) is None


def test_some_sets_of_tools_are_of_one_trade(values: Values) -> None:
    places = {family.names: place for place, family in enumerate(natural())}
    r, near = Random(10), 0
    for _ in range(300):
        known = sorted(
            places[tool.family.names] for tool in toolset(values, r) if tool.family.names in places
        )
        near += sum(two - one <= 12 for one, two in pairwise(known))
    assert near > 100


def test_a_file_of_tools_has_rules_of_its_own(values: Values) -> None:
    r = Random(3)
    for path in DATA.glob("natural*.toml"):
        for rule in tomllib.loads(path.read_text()).get("rules", {}):
            assert rule.startswith(f"{path.stem.partition('_')[2]}_")
            assert values.draw(rule, r)


def test_what_a_parameter_is_said_to_be_stands_behind_its_rule() -> None:
    item = {
        "names": "go",
        "about": ["Goes"],
        "asks": ["go to {place}"],
        "with": {"place": "city # Where to / The town"},
    }
    assert set(written.family(item).parameters["place"].about) == {"Where to", "The town", ""}


def test_a_value_is_said_by_its_kind_only() -> None:
    r = Random(1)
    said = {vague("restart {host} now", "host", "host_name", r) for _ in range(20)}
    assert said == {"restart a host now", "restart some host now", "restart one host now"}
    assert vague("restart the {host}", "host", "host", r) == ""
    assert vague("{host} is down", "host", "host", r).split()[0] in ("A", "Some", "One")
    assert "host" not in vague("which host is {host}?", "host", "host", r)[10:]
    assert vague("restart {host}", "host", "hostName", r) == ""


def test_two_values_are_asked_for_at_once_or_one_after_the_other() -> None:
    r = Random(5)
    said = {
        again._both("how deep is it at A and B?", "how deep is it at A?", "A and B", ["A", "B"], r)
        for _ in range(400)
    }
    assert all(re.search(r"\bA\b", text) and re.search(r"\bB\b", text) for text in said)
    assert {
        "how deep is it at A and B?",
        "how deep is it at A and at B?",
        "how deep is it at A or B?",
        "how deep is it at A, and B?",
        "how deep is it at A. The same for B, please",
        "compare A and B: how deep is it at A and B?",
    } <= said


def test_it_is_said_as_people_say_it() -> None:
    r = Random(2)
    said = {turns.pronounced("what is the depth of it?", "it", r) for _ in range(40)}
    assert "what is its depth?" in said
    assert turns.pronounced("show it's size", "it", r) == "show its size"
    assert turns.pronounced("what is the depth of that?", "that", r) == "what is the depth of that?"
    assert {turns.pronounced("fly to it", "it", r) for _ in range(40)} == {
        "fly to it",
        "fly there",
    }


def test_a_value_is_cut_out_of_a_request_with_the_words_that_lead_to_it() -> None:
    assert cut("Book {car} in for a {work} on {date}", "date") == "Book {car} in for a {work}"
    assert cut("send {amount} dollars to {who}", "amount") == "send to {who}"
    assert cut("set a timer for {m} minutes", "m") == "set a timer"
    assert cut("Change the {field} of {name} to {value}", "value") == "Change the {field} of {name}"
    assert cut("add '{text}' to my list", "text") == "add to my list"


def test_what_cannot_be_cut_out_of_a_request_stays() -> None:
    assert cut("Get {signer}'s signature on {document}", "signer") == ""
    assert cut("show {path}", "path") == ""
    assert cut("How big is the file {path}?", "path") == ""
    assert cut("extract pages {first}-{last}", "last") == ""


def test_what_is_missing_is_asked_for_and_stands_nowhere_in_the_request(values: Values) -> None:
    r = Random(11)
    counts = {"one": 0, "more": 0}
    for tool in [tool for _ in range(6) for tool in _tools(values, r)]:
        turn = lacking.missing([tool], values, r)
        if turn is None:
            continue
        (step,) = turn.steps
        assert not step.tool
        assert f"functions.{tool.name}" in plain(step.thought)
        answer = plain(step.answer)
        asked = re.findall(r"the (.+?)(?= and the |\.$)", answer.removeprefix("Please tell me "))
        names = {name.replace("_", " ") for name in (tool.schema or {})["required"]}
        assert set(asked) <= names, (answer, names)
        assert not HOLE.search(turn.user)
        counts["one" if len(asked) == 1 else "more"] += 1
    assert counts["one"] > 300
    assert counts["more"] > 10


def test_two_requests_in_one_message_are_both_said_in_order(values: Values) -> None:
    r = Random(12)
    joints = {joined("open the gate", "close the door", r) for _ in range(300)}
    assert len(joints) > 30
    for text in joints:
        assert text.lower().index("open the gate") < text.lower().index("close the door")


def test_each_hole_of_a_request_is_a_parameter_of_the_tool() -> None:
    brought = [tool.family for seed in range(40) for tool in builtin.some(Random(seed))]
    for family in [*families(), *natural(), *brought]:
        for text in family.asks:
            assert set(HOLE.findall(text)) <= family.parameters.keys(), text


def test_of_two_numbers_each_has_its_unit_beside_it(values: Values) -> None:
    r = Random(13)
    seen = 0
    for _ in range(400):
        family = pair(values, r)
        for text in family.asks:
            assert text.count("{a}") == text.count("{b}") == 1
            seen += " km" in text or " dollars" in text or " degrees" in text
    assert seen > 50
