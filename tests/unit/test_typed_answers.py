"""Does an answer come as the type that was asked for, or is that said?"""

from __future__ import annotations

import pydantic
import pytest

from tests.unit.test_contract import TOOLS, session
from toolrun import (
    Approve,
    OutputInvalid,
    Session,
    TurnFinished,
)
from toolrun.testing import ScriptedModel, call


class Weather(pydantic.BaseModel):
    """How warm it is."""

    city: str
    degrees: float


FITS = '{"city":"Rome","degrees":21}'


async def test_an_answer_of_a_type_after_tools() -> None:
    model = ScriptedModel(call("echo", {"text": "21"}), FITS)
    async with Session(model=model, tools=TOOLS) as chat:
        answer = await chat.ask("How warm is Rome?", output=Weather)

    assert answer.output == Weather(city="Rome", degrees=21)
    assert all(request.response_format is None for request in model.requests)
    assert all(request.tools for request in model.requests)


async def test_an_answer_that_does_not_fit_is_said_once_more_without_tools() -> None:
    model = ScriptedModel("It is 21 degrees.", FITS, "Bye.")
    async with Session(model=model, tools=TOOLS) as chat:
        async with chat.stream("How warm is Rome?", output=Weather) as events:
            ended = [each async for each in events if isinstance(each, TurnFinished)]
        await chat.ask("Thanks.")

    assert events.answer is not None
    assert events.answer.output == ended[0].answer.output == Weather(city="Rome", degrees=21)
    _, shaped, after = model.requests
    assert shaped.response_format is not None
    assert shaped.response_format["json_schema"]["schema"]["required"] == ["city", "degrees"]
    assert shaped.tools == ()
    assert '"degrees"' in (shaped.nudge or "")
    assert (after.response_format, after.nudge, bool(after.tools)) == (None, None, True)
    said = [each.content for each in chat.transcript]
    assert said == ["How warm is Rome?", "It is 21 degrees.", FITS, "Thanks.", "Bye."]


async def test_an_answer_that_never_fits_is_an_error_and_can_be_asked_for_again() -> None:
    async with session("Warm.", *["Warm indeed."] * 4, "No idea.", FITS) as chat:
        with pytest.raises(OutputInvalid, match="the answer is not JSON"):
            await chat.ask("How warm?", output=Weather)
        assert chat.state.finished is not None
        assert chat.state.finished.status == "failed"
        answer = await chat.go_on()

    assert answer.output == Weather(city="Rome", degrees=21)


async def test_a_turn_that_did_not_finish_has_no_output() -> None:
    async with session(call("send", {"to": "Ann"}), FITS) as chat:
        parked = await chat.ask("Send it.", output=Weather)
        assert (parked.status, parked.output) == ("parked", None)
        async with chat.fork() as other:  # which knows the schema, and no type
            (waiting,) = other.state.pending
            await other.decide(waiting, Approve())
            assert (await other.go_on()).output == {"city": "Rome", "degrees": 21}


async def test_another_turn_has_no_output() -> None:
    async with session(FITS, "Bye.") as chat:
        await chat.ask("How warm?", output=Weather)
        assert (await chat.ask("Thanks.")).output is None
