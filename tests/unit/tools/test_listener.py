"""Does a session's journal hear what a call does while it runs?"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from tests.unit.test_journal import Listener as Sink
from toolrun import EgressDecided, FileChanged, ToolOutput, UserMessage
from toolrun.journal import Journal
from toolrun.tools.listener import LEFT_BEHIND, Listener, heard_by, recording
from toolrun.values import FileChange


async def test_what_a_call_does_is_in_the_journal_under_its_id() -> None:
    sink = Sink()
    journal = Journal("s", [sink])
    await journal.record(UserMessage("go"))
    heard = recording(journal, "a")
    assert heard.output is not None
    assert heard.changing is not None
    assert heard.egress is not None
    assert heard.left is not None
    heard.output("stderr", "oh")
    change = FileChange(path="a/b", change="created", digest="abc", size=3)
    await heard.changing([change, change])
    heard.egress("example.org", 443, "GET", "")
    heard.egress("example.com", 80, "POST", "not allowed")
    for _ in range(2):
        heard.left()

    _, said, first, second, allowed, refused = sink.events
    assert isinstance(said, ToolOutput)
    assert (said.call_id, said.stream, said.text) == ("a", "stderr", "oh")
    for each in (first, second):
        assert isinstance(each, FileChanged)
        assert (each.call_id, each.file) == ("a", change)
    for each, expected in (
        (allowed, ("example.org", 443, "GET", True, "")),
        (refused, ("example.com", 80, "POST", False, "not allowed")),
    ):
        assert isinstance(each, EgressDecided)
        assert each.call_id == "a"
        assert (each.host, each.port, each.method, each.allowed, each.reason) == expected
    assert journal.counts[LEFT_BEHIND] == 2


def test_what_is_printed_is_not_asked_for_where_nobody_listens() -> None:
    heard = recording(Journal("s", [Sink(observes=False)]), "a")

    assert heard.output is None
    assert heard.changing is not None


def test_a_sandbox_is_told_who_hears() -> None:
    told: list[tuple[Any, ...]] = []
    one = recording(Journal("s", [Sink()]), "a")
    heard = heard_by(Listener(one.output, one.changing, lambda *each: told.append(each)))
    for allowed in (True, False):
        decision = SimpleNamespace(allowed=allowed, reason="why", host="h", port=1, method="GET")
        heard["on_egress"](cast("Any", decision))
        heard_by(Listener())["on_egress"](cast("Any", decision))

    assert told == [("h", 1, "GET", ""), ("h", 1, "GET", "why")]
    assert (heard["on_output"], heard["changing"]) == (one.output, one.changing)
