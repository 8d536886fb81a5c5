"""What people say of a value, and what the schema wants of it."""

from __future__ import annotations

import datetime as dt
import json
import re
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.rig.nano import lookups, said, turns
from tests.rig.nano.again import same_tool_again
from tests.rig.nano.conversations import toolset
from tests.rig.nano.given import give, value_of
from tests.rig.nano.natural import alike, beside, family, natural, suites
from tests.rig.nano.spelling import plain, token_texts
from tests.rig.nano.tools import Parameter, Tool, Value, offer
from tests.rig.nano.values import Values
from tests.rig.nano.wording import ask

if TYPE_CHECKING:
    from pathlib import Path

_MONTHS = [f"{dt.date(2000, month, 1):%b}".lower() for month in range(1, 13)]


@pytest.fixture(scope="module")
def values() -> Values:
    return Values(token_texts())


def _read_day(text: str) -> dt.date:
    """The date that a person means."""
    numbers = [int(one) for one in re.findall(r"\d+", text)]
    word = next((m for m in re.findall(r"[a-z]{3,}", text.lower()) if m[:3] in _MONTHS), None)
    year = next(one for one in numbers if one > 31)
    rest = [one for one in numbers if one <= 31]
    if word is not None:
        return dt.date(year, _MONTHS.index(word[:3]) + 1, rest[0])
    if numbers[0] == year:
        return dt.date(*numbers)
    day, month = rest if rest[1] <= 12 else rest[::-1]
    return dt.date(year, month, day)


def test_a_date_is_said_in_many_ways_that_mean_it() -> None:
    r, ways = Random(1), set()
    for _ in range(600):
        date = dt.date(2024, 1, 1) + dt.timedelta(days=r.randrange(1400))
        text = said.day(str(date), r)
        assert _read_day(text) == date, text
        ways.add(re.sub(r"\d+", "9", re.sub(r"[A-Z][a-z]+", "M", text)))
    assert len(ways) >= 14


def test_a_time_is_said_in_many_ways_that_mean_it() -> None:
    r = Random(2)
    for _ in range(800):
        hour, minute = r.randrange(24), r.choice((0, 15, 30, 5, 59))
        text = said.time(f"{hour:02d}:{minute:02d}", r)
        if text in ("noon", "midnight"):
            assert (hour, minute) == ({"noon": 12, "midnight": 0}[text], 0)
            continue
        numbers = [int(one) for one in re.findall(r"\d+", text)]
        assert numbers[0] in (hour, hour % 12 or 12), text
        if numbers[0] != hour:
            assert re.search(r"p\.?m|noon|evening|12|midnight", text.lower()) or hour == 0, text
        spoken = {"half past": 30, "a quarter past": 15}
        past = next((m for words, m in spoken.items() if text.startswith(words)), None)
        assert (past if past is not None else [*numbers, 0][1]) == minute, text


def test_where_a_form_is_wanted_the_schema_says_so_and_the_call_has_it(values: Values) -> None:
    r = Random(3)
    item = {
        "names": "visit",
        "about": ["Plans a visit"],
        "asks": ["visit on {day} at {time}"],
        "with": {"day": "dayform # The day", "time": "timeform"},
    }
    otherwise = 0
    for _ in range(100):
        tool = offer(family(item), values, r)
        assert tool.schema is not None
        told = {key: tool.schema["properties"][name] for key, name in tool.names.items()}
        assert re.search(r"(?i)yyyy|iso|\d{4}-", told["day"]["description"])
        assert re.search(r"(?i)hh:mm|24|\d\d:\d\d", told["time"]["description"])
        given = give(tool.family, values, r)
        call = json.loads(plain(tool.call(given)))
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", call[tool.names["day"]])
        assert re.fullmatch(r"\d\d:\d\d", call[tool.names["time"]])
        text = ask(tool, given, r)
        assert given["day"].said in text
        otherwise += call[tool.names["day"]] not in text
    assert 40 < otherwise < 90


def test_where_no_form_is_wanted_a_date_is_given_as_it_is_said(values: Values) -> None:
    r = Random(4)
    date = Parameter(("day",), "string", ("",), "date")
    given = [value_of(date, values, r) for _ in range(100)]
    assert all(json.loads(plain(one.json)) == one.said for one in given)


def test_a_value_is_said_as_people_say_it_and_given_as_the_schema_has_it(values: Values) -> None:
    r = Random(5)
    item = {
        "names": "weigh",
        "about": ["Weighs"],
        "asks": ["weigh it in {unit}, {how}"],
        "with": {
            "unit": "code kg=kilos,kilograms|lb=pounds # Unit symbol, e.g. kg",
            "how": "gross=with the box,in its box|net",
        },
    }
    unit, how = family(item).parameters.values()
    assert unit.enum == ()
    assert how.enum == ("gross", "net")
    meant = {"kg": {"kg", "kilos", "kilograms"}, "lb": {"lb", "pounds"}}
    seen: dict[str, set[str]] = {"kg": set(), "lb": set()}
    for _ in range(200):
        value = value_of(unit, values, r)
        seen[json.loads(plain(value.json))].add(value.said)
    assert seen == meant
    for _ in range(40):
        tool = offer(family(item), values, r)
        assert tool.schema is not None
        described = tool.schema["properties"][tool.names["unit"]]
        assert described["description"] == "Unit symbol, e.g. kg"


def test_large_numbers_may_be_said_in_groups_of_digits(values: Values) -> None:
    r = Random(6)
    count = Parameter(("count",), "integer", ("",), "number")
    grouped = 0
    for _ in range(2000):
        value = value_of(count, values, r)
        if "," in value.said:
            grouped += 1
            assert value.said.replace(",", "") == plain(value.json)
    assert grouped > 10


def test_of_a_suite_each_tool_stands_beside_the_others() -> None:
    r = Random(7)
    assert sum(map(len, suites().values())) > 100
    for members in list(suites().values())[::5]:
        others = [one for _ in range(60) if (one := beside(members[0], r)) is not None]
        assert members[0] not in others
        assert len({one.names for one in others if one in members}) > 1
        assert not any(alike(members[0], one) for one in members[1:])
        assert alike(members[0], members[0])


def test_no_set_of_tools_has_one_twice_under_two_names(values: Values) -> None:
    r = Random(8)
    for _ in range(300):
        known = [tool.family for tool in toolset(values, r) if tool.family.known]
        names = [one.names for one in known]
        assert len({*names}) == len(names)


def test_a_request_for_two_says_both_and_makes_two_calls(values: Values) -> None:
    r = Random(9)
    pairs = [one for one in natural() if one.twice]
    assert len(pairs) > 50
    made = 0
    for one in pairs[::4]:
        tool = offer(one, values, r)
        turn = same_tool_again([tool], values, r)
        if turn is None:
            continue
        made += 1
        thought = plain(turn.steps[0].thought)
        every = thought.removesuffix(".").partition(" for ")[2].split(", then for ")
        assert len(every) > 1
        assert all(one.lower() in turn.user.lower() for one in every), turn.user
        assert not re.search(r"\{\w+\}", turn.user), turn.user
        assert len({step.arguments for step in turn.steps if step.right and step.tool}) >= 2
    assert made > 10


def test_what_is_looked_up_is_in_the_result_and_not_in_the_request(values: Values) -> None:
    r = Random(10)
    assert len(lookups.chains()) > 30
    for chain in lookups.chains():
        must = {f"a_{key}" for key, one in chain.first.parameters.items() if one.chance is None}
        must |= {f"b_{key}" for key, one in chain.then.parameters.items() if one.chance is None}
        for text in chain.asks:
            assert must - {f"b_{chain.into}"} <= set(re.findall(r"\{(\w+)\}", text)), text
        first, then = offer(chain.first, values, r), offer(chain.then, values, r)
        turn = lookups.looked_up([first, then], values, r)
        assert turn is not None
        assert turn.last is not None
        tool, given = turn.last
        needed = json.loads(plain(given[chain.into].json))
        shown = [step.result for step in turn.steps if step.tool == first.name]
        assert tool is then
        assert any(json.dumps(needed, ensure_ascii=False).strip('"') in text for text in shown)
    assert lookups.looked_up([first], values, r) is None


def test_a_chain_of_tools_that_are_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "natural_suite_x.toml"
    path.write_text('tool = []\n[[chain]]\nfirst = "a"\nthen = "b"\ninto = "c"\n')
    with pytest.raises(ValueError, match="a, b: no such tools"):
        lookups.chains_of(path)


def test_no_tool_fits_where_a_sibling_is_asked_for_that_is_not_offered(
    values: Values, monkeypatch: pytest.MonkeyPatch
) -> None:
    r = Random(11)
    members = next(some for some in suites().values() if len(some) > 4)
    asked: list[tuple[str, ...]] = []

    def asking(tool: Tool, given: dict[str, Value], dice: Random) -> str:
        asked.append(tool.family.names)
        return ask(tool, given, dice)

    monkeypatch.setattr(turns, "ask", asking)
    monkeypatch.setattr(turns, "_SIBLING", 1.0)
    offered = [offer(one, values, r) for one in members[:2]]
    answers = [turns.no_tool(offered, values, r) for _ in range(60)]
    assert {*asked} == {one.names for one in members[2:]}
    assert {turn.steps[-1].answer for turn in answers if turn is not None} == {
        "I have no tool for that."
    }
    every = [offer(one, values, r) for one in members]
    assert turns._sibling(every, r) is None
