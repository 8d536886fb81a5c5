"""Does the page of the server list what there is?"""

from __future__ import annotations

import re
from pathlib import Path

from toolrun.serve import chat_asked, metrics, responses_asked

PAGE = (Path(__file__).parents[3] / "docs/reference/serve.md").read_text(encoding="utf-8")


def names(section: str) -> tuple[set[str], set[str], set[str]]:
    """What a section takes, ignores and refuses."""
    text = PAGE.partition(f"## {section}")[2].partition("\n## ")[0]
    taken, _, rest = text.partition("Ignored:")
    ignored, _, rest = rest.partition("Refused")
    refused = rest.partition(", and any")[0].partition("\n\n")[0]
    found = [set(re.findall(r"`([a-z_]+)`", each)) for each in (taken, ignored, refused)]
    return found[0], found[1], found[2]


def test_every_parameter_of_a_turn_is_listed() -> None:
    taken, ignored, refused = names("Parameters of a turn")
    assert set(chat_asked.TAKEN) <= taken
    assert ignored == set(chat_asked.IGNORED)
    assert refused - {"n", "logprobs"} == set(chat_asked.REFUSED) - {"n", "logprobs"}


def test_every_parameter_of_responses_is_listed() -> None:
    taken, ignored, refused = names("Parameters of Responses")
    assert {*responses_asked.SAME, *responses_asked.OWN} <= taken
    assert ignored == set(responses_asked.IGNORED)
    assert refused == set(responses_asked.REFUSED)


def test_every_metric_is_listed() -> None:
    assert set(re.findall(r"^\| `toolrun_(\w+)`", PAGE, re.MULTILINE)) == set(metrics._HELP)
