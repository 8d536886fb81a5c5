"""Which tools do the agents of the comparison have, and how does each agent's script take its work?

Plain functions with types and docstrings, as people write them, so that each framework makes tools
of them in the way that its documentation says. What they answer follows from their arguments.

A script is given `URL MODEL TEMPERATURE FILE [HOW]`: the server's base URL and the errands as JSON
are among it. It prints one line of JSON: what failed, and the versions of what it used.
"""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

Function: TypeAlias = Callable[..., str]
Solve: TypeAlias = "Callable[[Server, str, list[Function]], None]"

_AT_ONCE: Final = 12
STEPS: Final = 6
"""No errand needs more than five, smolagents' last call included."""


class Server(NamedTuple):
    """Whom a script asks, and how."""

    url: str
    model: str
    temperature: float
    how: str = ""


def get_weather(city: str) -> str:
    """Get the current weather in a city.

    Args:
        city: The city, e.g. Paris
    """
    sky = _pick(city, ("sunny", "cloudy", "rainy", "windy"))
    return json.dumps({"weather": sky, "temperature": _number(city, 5, 30)})


def get_time(city: str) -> str:
    """Get the local time in a city.

    Args:
        city: The city
    """
    return f"{_number(city, 10, 23)}:{_number(city, 10, 59)}"


def get_stock_price(symbol: str) -> str:
    """Get the price of a stock.

    Args:
        symbol: The ticker symbol, e.g. AAPL
    """
    return json.dumps({"price": _number(symbol, 20, 900)})


def add_reminder(text: str) -> str:
    """Set a reminder.

    Args:
        text: What to be reminded of
    """
    return json.dumps({"id": _number(text, 100, 999), "status": "created"})


def set_timer(minutes: int) -> str:
    """Start a timer.

    Args:
        minutes: How many minutes
    """
    return f"timer set: {minutes} minutes"


def track_package(tracking_number: str) -> str:
    """Track a package.

    Args:
        tracking_number: The number of the package
    """
    return json.dumps({"status": _pick(tracking_number, ("in transit", "delivered", "delayed"))})


def list_events(date: str) -> str:
    """List the events of a day in the calendar.

    Args:
        date: The day
    """
    return json.dumps([f"standup at {_number(date, 8, 11)}:30", f"{_pick(date, _WITH)} at 15:00"])


def list_files(folder: str) -> str:
    """List the files of a folder.

    Args:
        folder: Path of the folder
    """
    return json.dumps([f"{_pick(folder, _WITH)}.txt", "notes.md"])


def submit(answer: str) -> str:
    """Takes the answer.

    Args:
        answer: The answer
    """
    return "ok"


def reveal(secret: str) -> str:
    """Takes what was kept secret.

    Args:
        secret: What was chosen
    """
    return "ok"


def save_answer(value: str) -> str:
    """Keeps the answer.

    Args:
        value: The answer
    """
    return json.dumps({"status": "saved"})


def report_choice(choice: str) -> str:
    """Reports what was chosen.

    Args:
        choice: What was chosen
    """
    return "done"


ASKING: Final[tuple[Function, ...]] = (
    *(get_weather, get_time, get_stock_price, add_reminder),
    *(set_timer, track_package, list_events, list_files),
)
TELLING: Final[tuple[Function, ...]] = (submit, reveal, save_answer, report_choice)
BY_NAME: Final[dict[str, Function]] = {
    function.__name__: function for function in (*ASKING, *TELLING)
}
_WITH: Final = ("review", "lunch", "interview", "call", "workshop")


def main(solve: Solve, *packages: str) -> None:
    """Have an agent run all errands of a file, several at once; what a script does.

    Args:
        solve: takes whom to ask, what the user says, and the tools.
        packages: whose versions are told.
    """
    url, model, temperature, file, *how = sys.argv[1:]
    server = Server(url, model, float(temperature), *how)
    failed: dict[str, str] = {}

    def one(errand: dict[str, Any]) -> None:
        try:
            solve(server, errand["user"], [BY_NAME[name] for name in errand["tools"]])
        except Exception as error:  # noqa: BLE001 - whatever a framework raises is its failure
            failed[errand["name"]] = f"{type(error).__name__}: {error}"[:300]

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(one, json.loads(Path(file).read_text())))
    print()  # a framework may have left a line open
    print(json.dumps({"failed": failed, "versions": {each: version(each) for each in packages}}))


def _number(text: str, least: int, most: int) -> int:
    """A number that always is the same for a text."""
    return least + zlib.crc32(text.encode()) % (most - least + 1)


def _pick(text: str, words: tuple[str, ...]) -> str:
    return words[zlib.crc32(text.encode()) % len(words)]
