"""Is an answer the type that was asked for, and is one that isn't refused with a reason?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

import pydantic
import pytest

from toolrun import ConfigError, OutputInvalid
from toolrun.output import Output


class Weather(pydantic.BaseModel):
    city: str
    degrees: float

    @pydantic.field_validator("degrees")
    @classmethod
    def _possible(cls, value: float) -> float:
        if value < -273.15:
            raise ValueError("colder than possible")
        return value


@dataclass
class Place:
    city: str
    rank: int = 1


class Named(TypedDict):
    city: str


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Weather, '{"city":"Rome","degrees":21}', Weather(city="Rome", degrees=21)),
        (Place, '{"city":"Rome"}', Place("Rome")),
        (Named, '{"city":"Rome"}', {"city": "Rome"}),
        (list[int], "[1, 2]", [1, 2]),
        (int, " 3 ", 3),
        (Place, '```json\n{"city":"Rome","rank":2}\n```', Place("Rome", 2)),
        ({"type": "object", "required": ["a"]}, '{"a":1}', {"a": 1}),
        (dict, "{}", {}),
    ],
)
def test_an_answer_that_fits_is_a_value_of_the_type(kind: Any, text: str, value: Any) -> None:
    output = Output(kind)

    assert output.parse(text) == value
    assert type(output.parse(text)) is type(value)


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        (Weather, "It is 21 degrees.", "the answer is not JSON"),
        (Weather, "", "the answer is not JSON"),
        (Weather, '{"city":"Rome"}', "'degrees' is a required property"),
        (Weather, '{"city":"Rome","degrees":-300}', "colder than possible"),
        (list[int], '["a"]', r"\$\[0\]"),
        ({"type": "integer"}, "1.5", "the rule type"),
    ],
)
def test_one_that_does_not_fit_is_refused_with_a_reason(kind: Any, text: str, said: str) -> None:
    with pytest.raises(OutputInvalid, match=said):
        Output(kind).parse(text)


@pytest.mark.parametrize("kind", [object(), type("Odd", (), {}), {"type": "nonsense"}, {"$ref": 3}])
def test_what_has_no_schema_is_refused_at_once(kind: Any) -> None:
    with pytest.raises(ConfigError, match="output"):
        Output(kind)


def test_the_server_and_the_model_are_told_the_schema() -> None:
    output = Output(Named)

    assert output.response_format["json_schema"]["schema"] == output.schema
    assert '"city"' in output.nudge
