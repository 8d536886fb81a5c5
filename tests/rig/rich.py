"""How is a trace made in which much happens? For the tests of the page, and its picture.

Three turns on the mock server: calls at once, arguments that do not fit, a server that fails once,
a file that is written, a refund that is refused, a tool that takes too long and one that raises.
`python -m tests.rig.rich FILE` writes the trace.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio

from tests.rig.mock import Call, MockServer, Step
from tests.rig.rich_tools import (
    carrier_notices,
    forecast,
    list_orders,
    parse_report,
    refund,
    shipment,
    write_note,
)
from toolrun import Limits, Session
from toolrun.decisions import Deny

if TYPE_CHECKING:
    from toolrun.decisions import Decision
    from toolrun.values import ToolCall

TOOLS: Final[list[Any]] = [
    list_orders,
    shipment,
    carrier_notices,
    write_note,
    refund,
    forecast,
    parse_report,
]
NOTE: Final = """# Late orders

- 1042 Hamburg, held since 24 November
- 1043 Hamburg, held since 24 November

Both wait at the terminal, which is closed by a storm surge.
"""


def _call(name: str, **arguments: Any) -> Call:
    return Call(name, json.dumps(arguments))


def _step(reasoning: str, content: str | None = None, *calls: Call, **how: Any) -> Step:
    usage = how.pop("usage", None)
    return Step(
        reasoning,
        content,
        calls,
        delay_s=how.pop("delay_s", 0.09),
        chunk_delay_s=0.02,
        usage={"prompt_tokens_details": {"cached_tokens": usage[1]}, "prompt_tokens": usage[0]}
        if usage
        else None,
        **how,
    )


TURNS: Final[tuple[tuple[str, tuple[Step, ...]], ...]] = (
    (
        "Which of yesterday's orders are late, and why?",
        (
            _step(
                "The user wants the late orders of yesterday. I list the orders first; the date "
                "of today is in the system message, so yesterday is 2026-11-26.",
                "I will look at yesterday's orders.",
                _call("list_orders", date="2026-11-26", late_only="yes"),
                usage=(1204, 0),
            ),
            _step(
                "late_only has to be a boolean, not a string. Once more.",
                None,
                _call("list_orders", date="2026-11-26", late_only=True),
                usage=(1327, 1200),
            ),
            _step(
                "Two are late, both to Hamburg: 1042 and 1043. I ask for both shipments at once, "
                "and for what the carrier says of the city.",
                None,
                _call("shipment", order=1042),
                _call("shipment", order=1043),
                _call("carrier_notices", city="Hamburg"),
                usage=(1468, 1320),
                delay_s=0.15,
            ),
            _step(
                "Both are held at the same terminal since the 24th, and the carrier says why.",
                "Two orders are late, both to Hamburg:\n\n"
                "  1042   6 days   held at Hamburg-Altenwerder since 24 November\n"
                "  1043   5 days   held at Hamburg-Altenwerder since 24 November\n\n"
                "The terminal is closed because of a storm surge; the carrier will say more at "
                "18:00.",
                usage=(1733, 1460),
                fault="http_503",
                fault_times=1,
            ),
        ),
    ),
    (
        "Write that down in late.md, and refund 1042.",
        (
            _step(
                "I write the note and ask for the refund. The refund needs approval.",
                None,
                _call("write_note", path="late.md", text=NOTE),
                _call("refund", order=1042, euros=49.9),
                usage=(2051, 1730),
            ),
            _step(
                "The note is written; the refund was denied. I say so.",
                "late.md is written. The refund of 1042 was not approved: a manager has to see it.",
                usage=(2240, 2050),
            ),
        ),
    ),
    (
        "How many parcels will there be next week?",
        (
            _step(
                "There is a forecast tool, and the carrier's last report.",
                None,
                _call("forecast", days=7),
                _call("parse_report", text="Hamburg: closed\nBremen"),
                usage=(2388, 2240),
            ),
            _step(
                "The forecast took too long and the report could not be read. I must not guess.",
                "I can't say: the forecast did not end within its second, and the carrier's report "
                "has a line that is not readable.",
                usage=(2655, 2380),
            ),
        ),
    ),
)


async def _decide(call: ToolCall) -> Decision | None:
    await anyio.sleep(0.4)  # so that the page has a time to show
    return Deny("a manager has to see refunds")


async def record(trace: Path, mock: MockServer) -> None:
    """Write the trace."""
    mock.settings(counts=True)
    with tempfile.TemporaryDirectory() as folder:
        async with Session(
            base_url=mock.url,
            model=mock.model,
            tools=TOOLS,
            workspace=folder,
            profile="workspace-ro",
            approve=_decide,
            instructions="You help the people who ship parcels. Be brief, and never guess.",
            limits=Limits(steps=20),
            trace=trace,
        ) as session:
            for prompt, steps in TURNS:
                mock.script(*steps)
                async with session.stream(prompt) as events:
                    async for _ in events:
                        pass


if __name__ == "__main__":
    with MockServer() as _mock:
        anyio.run(record, Path(sys.argv[1]), _mock)
