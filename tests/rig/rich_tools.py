"""The tools of the rich session: a sandbox imports them from this file.

They take time, as tools do: a page that shows how long each took would show nothing else.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from toolrun import tool

_ORDERS = {
    "1038": {"to": "Bremen", "status": "delivered", "days": 2},
    "1042": {"to": "Hamburg", "status": "in transit", "days": 6},
    "1043": {"to": "Hamburg", "status": "in transit", "days": 5},
    "1051": {"to": "Leipzig", "status": "packed", "days": 1},
}


@tool(trusted=True)
def list_orders(date: str, *, late_only: bool = False) -> list[dict[str, object]]:
    """List the orders of a day.

    Args:
        date: YYYY-MM-DD.
        late_only: Only those that take longer than promised.
    """
    time.sleep(0.12)
    found = [{"id": number, **order} for number, order in _ORDERS.items()]
    return [each for each in found if not late_only or int(str(each["days"])) > 4]


@tool(trusted=True)
def shipment(order: int) -> dict[str, object]:
    """Say where a shipment is."""
    time.sleep(0.2 if order == 1042 else 0.35)
    return {"order": order, "at": "Hamburg-Altenwerder", "held_since": "2026-11-24", "lane": 4}


@tool(trusted=True)
def carrier_notices(city: str) -> str:
    """Give what the carrier says of a city."""
    time.sleep(0.09)
    return f"{city}: storm surge, terminals closed until further notice. Next update 18:00."


@tool(profile="workspace")
def write_note(path: str, text: str) -> str:
    """Write a note into the workspace."""
    sys.stdout.write(f"writing {len(text)} characters to {path}\n")
    Path(path).write_text(text)
    return f"{path}: {len(text)} characters"


@tool(trusted=True, approve=True)
def refund(order: int, euros: float) -> str:
    """Pay money back to a customer."""
    return f"refunded {euros} euros for {order}"


@tool(timeout=1)
def forecast(days: int) -> list[float]:
    """Forecast how many parcels there will be."""
    sys.stderr.write("loading the model ...\n")
    sys.stderr.flush()
    time.sleep(60)  # longer than it may: the time-out is part of the session
    return [0.0] * days


@tool
def parse_report(text: str) -> dict[str, str]:
    """Read a report of the carrier."""
    return dict(line.split(": ", 1) for line in text.splitlines())
