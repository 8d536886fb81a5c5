"""Do the commands for traces say what is in them, to people and to programs, and nothing raw?"""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.unit.trace.journals import ONE_CALL, OPENED, written
from toolrun import events as ev
from toolrun.cli.app import command
from toolrun.values import ToolCall, ToolResult, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from subprocess import CompletedProcess

    from tests.unit.cli.conftest import Typed

RECORDED: Final = Path(__file__).parents[2] / "traces" / "format-1"
HOSTILE: Final = "\x1b[2J\x1b]0;title\x07 \x9b31m \u202eabc \x00 \r over"
OBEYED: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
LONG: Final = "\n".join(f"line {number}" for number in range(40))

SHOWN: Final = """\
── session s, 2026-01-02, toolrun 0.1.0
    model: m at None
    tools: none
── turn 1
\u276f How long is notes.txt?
— step 1, 0.25 s, first token 0.12 s
  ┊ I have to count.
  » Let me see.
  ▶ word_count(path="notes.txt")  [sandbox workspace-ro]
    │ reading
  ◀ word_count (0.50 s): 7
— step 2, 0.25 s, first token 0.12 s
  ┊ The tool says 7.
Seven words, naïve ones.
— 2 steps, 1 call, 0 tokens, 12.0 s
── summary
    turns: 1 finished, steps: 2, calls: 1 ok
    0 tokens read, 0 written
    13.0 s: model 0.5 s, tools 0.5 s, first token 0.12 s (median)
"""


@pytest.fixture
def trace(typed: Typed) -> Callable[[Sequence[ev.Event]], str]:
    """Writes a trace of events, and gives its name."""

    def write(events: Sequence[ev.Event], name: str = "t.jsonl") -> str:
        written(typed.folder / name, events)
        return name

    return write


def trace_of(typed: Typed, *words: str, **env: str) -> CompletedProcess[str]:
    done = typed("trace", *words, **env)
    assert "Traceback" not in done.stdout + done.stderr
    assert not OBEYED.search(done.stdout + done.stderr)
    return done


# --- check


def test_check_says_of_each_trace_what_it_holds(typed: Typed) -> None:
    for name in ("denied", "two-turns"):
        shutil.copy(RECORDED / f"{name}.jsonl", typed.folder / "notes")
    done = trace_of(typed, "check", "notes")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "✓ notes/denied.jsonl: 12 events, 1 turn, 2 steps, 5.4 KB, format 1",
        "✓ notes/two-turns.jsonl: 16 events, 2 turns, 3 steps, 6.2 KB, format 1",
        "— 2 traces, 11.6 KB: all right",
    ]


def test_check_names_the_line_and_what_to_do(
    typed: Typed, trace: Callable[[Sequence[ev.Event]], str]
) -> None:
    good = trace(ONE_CALL)
    text = (typed.folder / good).read_text(encoding="utf-8")
    (typed.folder / "bad.jsonl").write_text(
        text.replace('"status":"finished"', '"status":"done"'), encoding="utf-8"
    )
    (typed.folder / "half.jsonl").write_text(text[:-5], encoding="utf-8")
    done = trace_of(typed, "check", "bad.jsonl", "half.jsonl", good)
    lines = done.stdout.splitlines()

    assert done.returncode == 1
    last = text.count("\n")
    assert lines[0].startswith(f"✗ bad.jsonl, line {last}: ")
    assert "status" in lines[0]
    assert lines[1] == f"  The {last - 1} lines before it can be read: head -n {last - 1} bad.jsonl"
    assert lines[2].endswith("ends within a turn, ends in half a line, which is not read")
    assert lines[3].startswith("✓ t.jsonl: ")
    assert lines[4].endswith(": 1 bad")


def test_check_tells_programs_the_same(typed: Typed) -> None:
    (typed.folder / "bad.jsonl").write_text("{}\n")
    shutil.copy(RECORDED / "denied.jsonl", typed.folder / "good.jsonl")
    done = trace_of(typed, "check", "--json", "bad.jsonl", "good.jsonl")
    told = json.loads(done.stdout)
    bad, good = told["traces"]

    assert (done.returncode, told["ok"], bad["ok"], good["ok"]) == (1, False, False, True)
    assert (bad["file"], bad["line"]) == ("bad.jsonl", 1)
    assert "TraceHeader" in bad["error"]
    assert good["holds"]["events"] == 12
    assert good["holds"]["size"] == (RECORDED / "denied.jsonl").stat().st_size


# --- show


def test_show_tells_the_session(typed: Typed, trace: Callable[[Sequence[ev.Event]], str]) -> None:
    assert trace_of(typed, "show", trace(ONE_CALL)).stdout == SHOWN


def test_show_without_reasoning_has_none(
    typed: Typed, trace: Callable[[Sequence[ev.Event]], str]
) -> None:
    shown = trace_of(typed, "show", trace(ONE_CALL), "--no-reasoning").stdout

    assert shown.splitlines() == [line for line in SHOWN.splitlines() if "┊" not in line]


def test_show_tells_what_went_wrong_and_what_was_done_about_it(
    typed: Typed, trace: Callable[[Sequence[ev.Event]], str]
) -> None:
    calls = (ToolCall("a", "send", '{"to":"x"}'), ToolCall("b", "fetch", "{}"))
    file = trace(
        [
            OPENED,
            ev.ForkedFrom("other", 3),
            ev.UserMessage("Go.", {"type": "object"}),
            ev.ReasoningDelta("lost thought"),
            ev.TextDelta("lost text"),
            ev.Retried(1, "busy", 0.5, "http-503"),
            ev.Repaired("a", "arguments", "{", "{}"),
            ev.StepFinished(0.5, 0.25),
            ev.AssistantMessage(
                *(None, None, calls, "tool_calls", Usage(1000, 20, cached_tokens=900)),
            ),
            ev.ApprovalRequested("a", "send", {"to": "x"}, "it sends"),
            ev.ApprovalDecided("a", "edit", arguments={"to": "y"}),
            ev.ToolCallStarted("a", "send", {"to": "y"}),
            ev.ToolCallStarted("b", "fetch", {}, "net"),
            ev.EgressDecided("b", "good.example", 443, "CONNECT", allowed=True),
            ev.EgressDecided(
                "b", "bad.example", 80, "GET", allowed=False, reason="bad.example: no"
            ),
            ev.ToolCallFinished("b", "fetch", ToolResult("took too long", "timeout", 5.0)),
            ev.ToolCallFinished("a", "send", ToolResult(LONG)),
            ev.Warned("odd", "something is odd"),
            ev.ReasoningDelta("and so"),
            ev.LimitReached("steps", 1),
            ev.TurnFinished("limited"),
            ev.SettingsChanged({"effort": "high"}),
            ev.TurnUndone(("a.txt is not as it was",)),
        ]
    )
    shown = trace_of(typed, "show", file).stdout

    for line in (
        "— forked from other after event 3, 0 copied",
        '— the answer has to fit {"type":"object"}',
        "— step 1, 0.50 s, first token 0.25 s, 1,000 tokens read (900 cached), 20 written",
        "  ┊ lost thought",
        "  » lost text",
        "! sampling again in 0.5 s (1): busy",
        "— repaired arguments: '{' to '{}'",
        '? waits for approval: send(to="x")  (it sends)',
        '— decided: edit to (to="y")',
        '  ▶ send(to="y")  [TRUSTED, in this process]',
        "  ▶ fetch()  [sandbox net]",
        "— let through: CONNECT good.example:443",
        "! refused: bad.example: no",
        "  ✗ fetch (timeout, 5.00 s): took too long",
        "    ... 28 more lines",
        "! something is odd",
        "! limited: limits.steps = 1 (1 step, 2 calls, 1,020 tokens, 18.0 s)",
        '— settings changed: {"effort":"high"}',
        "! turn 1 was taken back; a.txt is not as it was",
        (
            "    turns: 1 limited; 1 taken back, steps: 1, calls: 2 (1 timeout, 1 ok), "
            "sampled again: 1, repaired: 1"
        ),
    ):
        assert line in shown.splitlines(), line
    assert "line 39" not in shown
    assert "line 39" in trace_of(typed, "show", file, "--full").stdout


def test_show_gives_one_turn_or_step(typed: Typed) -> None:
    file = str(RECORDED / "three-turns-with-calls.jsonl")
    turn = trace_of(typed, "show", file, "--turn", "2").stdout
    step = trace_of(typed, "show", file, "--turn", "2", "--step", "3").stdout
    none = trace_of(typed, "show", file, "--turn", "9")

    assert turn.startswith("── turn 2\n\u276f And elsewhere?")
    assert turn.rstrip().endswith("— 4 steps, 3 calls, 2,002 tokens, 2.1 s")
    assert [line[:9] for line in step.splitlines()] == [
        *("— step 3,", "  ┊ And t", "  ▶ word_", "  ◀ word_"),
    ]
    assert (none.returncode, none.stdout) == (2, "")
    assert "the trace has no turn 9; it has 3 turns" in none.stderr


def test_show_events_is_a_line_each(
    typed: Typed, trace: Callable[[Sequence[ev.Event]], str]
) -> None:
    lines = trace_of(typed, "show", "--events", trace(ONE_CALL)).stdout.splitlines()

    assert len(lines) == len(ONE_CALL)
    assert lines[1] == '    3 2         1.000 1.0 UserMessage "How long is notes.txt?"'
    assert [line.split()[1:5] for line in lines[2:4]] == [
        ["2.1", "2.000", "1.0", "ReasoningDelta"],
        ["2.2", "3.000", "1.0", "ReasoningDelta"],
    ]


def test_show_events_fits_a_narrow_terminal(
    typed: Typed, trace: Callable[[Sequence[ev.Event]], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    lines = trace_of(typed, "show", "--events", trace(ONE_CALL), TERM="xterm").stdout.splitlines()

    assert max(map(len, lines)) == 40
    assert lines[1] == '2      UserMessage "How long is notes.tx'


def test_show_json_is_the_events_whatever_the_format(typed: Typed) -> None:
    file = RECORDED / "denied-streamed.jsonl"
    lines = trace_of(typed, "show", "--json", str(file)).stdout.splitlines()
    events = [json.loads(line) for line in lines]

    assert [events[0]["type"], events[-1]["type"]] == ["SessionOpened", "TurnFinished"]
    assert "Deltas" not in {event["type"] for event in events}
    assert all(event["session"] == events[0]["session"] for event in events)


# --- diff


def test_diff_tells_equal_from_different(typed: Typed) -> None:
    same = [str(RECORDED / f"three-steps{end}.jsonl") for end in ("", "-streamed")]
    done = trace_of(typed, "diff", *same)
    exact = trace_of(typed, "diff", *same, "--exact")

    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "✓ no difference"
    assert exact.returncode == 1
    assert "  RequestSent.stream\n    + true\n" in exact.stdout


def test_diff_shows_what_differs_where(typed: Typed, trace: Callable[..., str]) -> None:
    other = list(ONE_CALL)
    other[0] = ev.SessionOpened("0.1.0", "2026-01-02", {"model": "n"}, [{"name": "t"}])
    other[6] = ev.AssistantMessage(
        *("Let me see.", "I have to count.\nYes."),
        (ToolCall("c9", "word_count", '{"path": "other.txt"}'),),
        *("tool_calls", Usage(5, 6)),
    )
    other[7:10] = [ev.ToolCallFinished("c9", "word_count", ToolResult("8", "error"))]
    done = trace_of(typed, "diff", trace(ONE_CALL), trace(other, "other.jsonl"))

    assert done.returncode == 1
    assert done.stdout == (
        "── settings\n"
        '  model\n    - "m"\n    + "n"\n'
        "── tools\n"
        '  t\n    + {"name":"t"}\n'
        "── turn 1, step 1\n"
        "  reasoning\n      I have to count.\n    + Yes.\n"
        '  argument path of word_count\n    - "notes.txt"\n    + "other.txt"\n'
        "  outcome of word_count: ok -> error\n"
        "  result of word_count\n    - 7\n    + 8\n"
        "  tokens written: 0 -> 6\n"
        "── numbers\n"
        "    turns: 1\n    steps: 2\n    calls: 1\n"
        "    tokens read: 0 -> 5\n    tokens written: 0 -> 6\n    seconds: 12.0 -> 10.0\n"
        "✗ 7 differences\n"
    )


def test_diff_tells_programs_the_same(typed: Typed) -> None:
    files = [str(RECORDED / f"{name}.jsonl") for name in ("three-steps", "five-steps")]
    done = trace_of(typed, "diff", "--json", *files)
    told = json.loads(done.stdout)

    assert (done.returncode, told["equal"]) == (1, False)
    assert (told["before"]["numbers"]["steps"], told["after"]["numbers"]["steps"]) == (4, 6)
    assert {
        "turn": 1,
        "step": 3,
        "what": "argument",
        "call": "word_count",
        "field": "path",
        "before": "a.txt",
        "after": "5.txt",
    } in told["differences"]


# --- export


def test_export_chat_says_what_is_left_out(typed: Typed) -> None:
    names = [f"{name}.jsonl" for name in ("one-call", "too-many-steps", "two-turns", "preamble")]
    for name in names:
        shutil.copy(str(RECORDED / name), typed.folder)
    done = trace_of(typed, "export", "--chat", *names)
    records = [json.loads(line) for line in done.stdout.splitlines()]

    assert done.returncode == 0
    assert len(records) == 4
    assert all(set(record) == {"messages", "tools"} for record in records)
    assert done.stderr.splitlines() == [
        "! too-many-steps.jsonl, turn 1: left out: its status is limited",
        "! dropped: 1 text beside a call; the template of gpt-oss has no place for that",
        "— 4 lines; 1 turn left out",
    ]
    more = trace_of(typed, "export", "--chat", "--unfinished", "too-many-steps.jsonl")
    assert (len(more.stdout.splitlines()), more.stderr) == (1, "— 1 line\n")
    steps = trace_of(typed, "export", "--chat", "--steps", "one-call.jsonl")
    assert (len(steps.stdout.splitlines()), steps.stderr) == (2, "— 2 lines\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--chat", "--markdown", "t.jsonl"), "say what to export, --chat, --markdown or --tokens"),
        (("--markdown", "--unfinished", "t.jsonl"), "--steps and --unfinished are for --chat"),
        (("--chat",), "name a trace: toolrun trace export --chat FILE"),
        (("--chat", "state"), "there is no trace"),
    ],
)
def test_export_says_what_it_needs(typed: Typed, words: tuple[str, ...], said: str) -> None:
    done = trace_of(typed, "export", *words)

    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_export_markdown_makes_a_document_of_each(typed: Typed) -> None:
    files = [str(RECORDED / f"{name}.jsonl") for name in ("denied", "final")]
    document = trace_of(typed, "export", "--markdown", *files).stdout

    assert document.count("\n---\n") == 1
    assert document.count("# Session ") == 2
    assert "**Call** `delete_city` (denied, not run)" in document


# --- redact


def test_redact_takes_out_what_is_named_and_typed_nowhere(typed: Typed) -> None:
    source = str(RECORDED / "two-turns.jsonl")
    (typed.folder / "secrets.txt").write_text("Rome\n\ndegrees\n")
    words = ("redact", source, "clean.jsonl", "--secret-file", "secrets.txt")
    done = trace_of(typed, *words, "--secret-env", "CITY", CITY="Paris")
    clean = (typed.folder / "clean.jsonl").read_text(encoding="utf-8")

    assert (done.returncode, done.stdout) == (0, "✓ clean.jsonl: redacted in 8 of 16 events\n")
    assert not re.search("Paris|Rome|degrees", clean)
    assert re.search("Paris", Path(source).read_text(encoding="utf-8"))
    assert typed("replay", "clean.jsonl", "--check").returncode == 0


def test_redact_overwrites_only_what_it_is_told_to(typed: Typed) -> None:
    source = str(RECORDED / "final.jsonl")
    (typed.folder / "t.2.jsonl").write_text("not of this trace")
    (typed.folder / "t.jsonl").write_text("mine")
    refused = trace_of(typed, "redact", source, "t.jsonl", "--pattern", "friend")

    assert (refused.returncode, refused.stdout) == (2, "")
    assert "t.jsonl is there already; --force overwrites it" in refused.stderr
    assert (typed.folder / "t.jsonl").read_text() == "mine"
    bad = trace_of(typed, "redact", source, "t.jsonl", "--pattern", "(", "--force")
    assert bad.returncode == 2
    assert (typed.folder / "t.jsonl").read_text() == "mine"

    done = trace_of(typed, "redact", source, "t.jsonl", "--force", "--json", "--pattern", "friend")
    assert json.loads(done.stdout)["redacted"]["changed"] > 0
    assert trace_of(typed, "check", "t.jsonl").returncode == 0
    assert (typed.folder / "t.2.jsonl").read_text() == "not of this trace"
    assert sorted(each.name for each in typed.folder.glob("*t*.jsonl*")) == [
        "t.2.jsonl",
        "t.jsonl",
    ]


def test_redact_repeats_no_secret_that_was_typed_as_a_name(typed: Typed) -> None:
    source = str(RECORDED / "final.jsonl")
    done = trace_of(typed, "redact", source, "t.jsonl", "--secret-env", "sesame-open")

    assert (done.returncode, done.stdout) == (2, "")
    assert "sesame" not in done.stderr
    assert "--secret-env takes the name of a variable" in done.stderr
    empty = trace_of(typed, "redact", source, "t.jsonl", "--secret-env", "CITY", CITY="")
    assert "CITY is not set, or empty" in empty.stderr
    none = trace_of(typed, "redact", source, "t.jsonl", "--secret-file", "none.txt")
    assert none.returncode == 2
    assert not (typed.folder / "t.jsonl").exists()


def test_redact_says_where_nothing_was_found(typed: Typed) -> None:
    source = str(RECORDED / "final.jsonl")
    done = trace_of(typed, "redact", source, "t.jsonl", "--pattern", "xyzzy")

    assert done.stdout == "! t.jsonl: nothing to redact was found in 6 events\n"


# --- migrate


def test_migrate_writes_the_newest_format_and_overwrites_nothing(typed: Typed) -> None:
    (typed.folder / "old" / "more").mkdir(parents=True)
    for name in ("final.jsonl", "more/denied.jsonl"):
        shutil.copy(str(RECORDED / Path(name).name), typed.folder / "old" / name)
    done = trace_of(typed, "migrate", "old", "--output", "new")
    again = trace_of(typed, "migrate", "old", "--output", "new")
    newest = trace_of(typed, "migrate", "new", "--in-place")

    assert (done.returncode, again.returncode, newest.returncode) == (0, 1, 0)
    assert done.stdout.splitlines()[0] == (
        "✓ old/final.jsonl -> new/final.jsonl: 6 events, format 2"
    )
    assert "is there already" in again.stdout
    assert newest.stdout.splitlines()[0] == "— new/final.jsonl: has format 2, the newest, and stays"
    for name in ("final.jsonl", "more/denied.jsonl"):
        assert trace_of(typed, "diff", f"old/{name}", f"new/{name}").returncode == 0
        assert typed("replay", f"new/{name}", "--quiet").returncode == 0


def test_migrate_in_place_leaves_a_bad_trace_as_it_is(typed: Typed) -> None:
    text = (RECORDED / "final.jsonl").read_text(encoding="utf-8")
    (typed.folder / "good.jsonl").write_text(text, encoding="utf-8")
    # A trace can be read whose events do not fit each other: not to be replaced.
    bad = text.replace('"turn":1,"step":1}', '"turn":1,"step":7}')
    (typed.folder / "bad.jsonl").write_text(bad, encoding="utf-8")
    (typed.folder / "broken.jsonl").write_text(text.replace('"status"', '"sttus"'))
    done = trace_of(typed, "migrate", "bad.jsonl", "broken.jsonl", "good.jsonl", "--in-place")

    assert done.returncode == 1
    assert [line[0] for line in done.stdout.splitlines()] == ["✗", "✗", "✓"]
    assert (typed.folder / "bad.jsonl").read_text(encoding="utf-8") == bad
    assert '"sttus"' in (typed.folder / "broken.jsonl").read_text()
    assert '"format":2' in (typed.folder / "good.jsonl").read_text(encoding="utf-8")
    assert [each.name for each in typed.folder.glob(".*")] == []


@pytest.mark.parametrize(
    "words", [("x.jsonl",), ("--in-place",), ("x", "--in-place", "--output", "y")]
)
def test_migrate_says_what_it_needs(typed: Typed, words: tuple[str, ...]) -> None:
    assert trace_of(typed, "migrate", *words).returncode == 2


# --- whatever is in them


def _hostile() -> list[ev.Event]:
    call = ToolCall("a", HOSTILE, json.dumps({HOSTILE: HOSTILE}))
    return [
        ev.SessionOpened("1", HOSTILE, {"model": HOSTILE, HOSTILE: HOSTILE}, [{"name": HOSTILE}]),
        ev.UserMessage(HOSTILE),
        ev.ReasoningDelta(HOSTILE),
        ev.Retried(1, HOSTILE, code=HOSTILE),
        ev.Repaired("a", HOSTILE, HOSTILE, HOSTILE),
        ev.ServerToolCalled("s", HOSTILE, HOSTILE, HOSTILE, HOSTILE),
        ev.AssistantMessage(HOSTILE, HOSTILE, (call,), HOSTILE),
        ev.ApprovalRequested("a", HOSTILE, {HOSTILE: HOSTILE}, HOSTILE),
        ev.ApprovalDecided("a", "approve", reason=HOSTILE),
        ev.ToolCallStarted("a", HOSTILE, {HOSTILE: HOSTILE}, HOSTILE),
        ev.ToolOutput("a", "stdout", HOSTILE),
        ev.EgressDecided("a", HOSTILE, 1, HOSTILE, allowed=True),
        ev.EgressDecided("a", HOSTILE, 1, HOSTILE, allowed=False, reason=HOSTILE),
        ev.ToolCallFinished("a", HOSTILE, ToolResult(HOSTILE, note=HOSTILE)),
        ev.AssistantMessage(HOSTILE, HOSTILE, (), HOSTILE),
        ev.Warned(HOSTILE, HOSTILE),
        ev.LimitReached(HOSTILE, 1),
        ev.TurnFinished("failed", HOSTILE),
        ev.TurnUndone((HOSTILE,)),
        ev.SettingsChanged({HOSTILE: HOSTILE}),
        ev.UserMessage(HOSTILE),
        ev.AssistantMessage(HOSTILE, HOSTILE),
        ev.TurnFinished("finished"),
    ]


@pytest.mark.parametrize(
    "words",
    [
        *(("check",), ("check", "--json"), ("show",), ("show", "--full"), ("show", "--events")),
        *(("show", "--json"), ("diff", "plain.jsonl"), ("diff", "--exact", "plain.jsonl")),
        *(("diff", "--json", "plain.jsonl"), ("export", "--chat", "--unfinished")),
        *(("export", "--markdown"), ("export", "--tokens")),
    ],
    ids=" ".join,
)
def test_no_control_character_of_a_trace_is_written(
    typed: Typed, trace: Callable[..., str], words: tuple[str, ...]
) -> None:
    trace(ONE_CALL, "plain.jsonl")
    done = trace_of(typed, *words, trace(_hostile()))

    assert done.stdout or done.stderr


def test_colours_are_for_those_who_want_them(typed: Typed, trace: Callable[..., str]) -> None:
    file = trace(ONE_CALL)

    assert "\x1b[" in typed("trace", "show", file, FORCE_COLOR="1").stdout
    assert "\x1b" not in typed("trace", "show", file, FORCE_COLOR="1", NO_COLOR="1").stdout
    assert "\x1b" not in typed("trace", "show", file).stdout


@pytest.mark.parametrize("name", ["check", "show", "diff", "redact", "migrate", "export"])
def test_help_has_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["trace", name, "--help"]) == 0
    assert f"Example: toolrun trace {name} " in capsys.readouterr().out


def test_exit_codes_reach_the_shell(tmp_path: Path) -> None:
    import subprocess

    program = str(Path(sys.executable).parent / "toolrun")
    good, other = (str(RECORDED / f"{name}.jsonl") for name in ("denied", "final"))

    def code(*words: str) -> int:
        return subprocess.run(
            [program, "trace", *words], capture_output=True, check=False, cwd=tmp_path
        ).returncode

    assert [code("check", good), code("diff", good, other), code("show", "none.jsonl")] == [0, 1, 2]
