"""Does each command do what a person types? In this process, against the mock vLLM."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.rig.mock import Call, Step
from tests.unit.cli.work import COUNT, PROMPT, READING, counting
from tests.unit.trace.journals import OPENED, written
from toolrun.events import AssistantMessage, TurnFinished, UserMessage

if TYPE_CHECKING:
    from tests.rig.mock import MockServer
    from tests.unit.cli.conftest import Typed


def test_run_reads_the_prompt_from_stdin(typed: Typed, mock: MockServer) -> None:
    assert typed("run", "-", stdin="from a pipe\n").returncode == 0
    assert mock.bodies()[0]["messages"][-1]["content"] == "from a pipe\n"
    empty = typed("run", "-")
    assert (empty.returncode, empty.stdout) == (2, "")
    assert empty.stderr == "toolrun: the prompt is empty: nothing came on stdin\n"


def test_a_prompt_that_looks_like_an_option_goes_after_two_hyphens(
    typed: Typed, mock: MockServer
) -> None:
    assert typed("run", "--", "--debug").returncode == 0
    assert mock.bodies()[0]["messages"][-1]["content"] == "--debug"


def test_run_json_gives_the_events(typed: Typed, mock: MockServer) -> None:
    mock.script(Step("Hm.", "Hello \x9b31m."))
    done = typed("run", "hi", "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr) == (0, "")
    assert [events[0]["type"], events[-1]["type"]] == ["SessionOpened", "TurnFinished"]
    assert [e["seq"] for e in events if not e.get("sub")] == list(range(1, events[-1]["seq"] + 1))
    assert "".join(e["text"] for e in events if e["type"] == "TextDelta") == "Hello \x9b31m."
    assert "\x9b" not in done.stdout


def test_options_reach_the_server(typed: Typed, mock: MockServer) -> None:
    (typed.folder / "toolrun.toml").write_text('effort = "low"\nseed = 7\nmax_tokens = 5\n')
    words = ("--max-tokens", "50", "--instructions", "Be brief.", "--extra-body", '{"x": {"y": 1}}')
    done = typed("run", "hi", *words, TOOLRUN_SEED="8", TOOLRUN_TEMPERATURE="0.5")
    assert done.returncode == 0, done.stderr
    body = mock.bodies()[0]
    assert (body["reasoning_effort"], body["seed"], body["max_tokens"]) == ("low", 8, 50)
    assert (body["temperature"], body["x"]) == (0.5, {"y": 1})
    assert body["messages"][0]["content"] == "Be brief."


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("run", "hi", "--modle", "x"), 2, "Unknown option: --modle. Did you mean --model?"),
        (("run",), 2, "PROMPT requires an argument"),
        (("rnu", "hi"), 2, 'Unknown command "rnu". Did you mean "run"?'),
        (("tools", "check", "x.py"), 2, "does not take 'x.py'.\nSee toolrun tools check --help."),
        (("run", "hi", "--effort", "hihg"), 2, 'Invalid value "hihg" for --effort.'),
        (("run", "hi", "--extra-body", "{"), 2, "--extra-body: not a JSON object"),
        (("run", "hi", "--limits-steps", "0"), 2, "limits_steps is 0; a whole number from 1 fits"),
        (("run", "hi", "--tools", "none.py"), 2, "there is no file none.py"),
        (("run", "hi", "--tools", "my_tools.py:sned"), 2, "did you mean 'send'?"),
        (("run", "hi", "--workspace", "nowhere"), 2, "workspace 'nowhere' is not a folder"),
        (("run", "hi", "--config", "none.toml"), 2, "none.toml: cannot be read"),
        (("run", "hi", "--model", "other"), 5, "It serves: openai/gpt-oss-20b"),
        (("chat", "--model", "other"), 5, "has no model 'other'; it serves openai/gpt-oss-20b"),
        (("replay", "none.jsonl"), 2, "there is no trace none.jsonl"),
        (("replay", "my_tools.py"), 1, "my_tools.py, line "),
    ],
)
def test_what_is_wrong_is_one_message(
    typed: Typed, words: tuple[str, ...], code: int, message: str
) -> None:
    done = typed(*words)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_debug_shows_the_traceback_too(typed: Typed) -> None:
    done = typed("run", "hi", "--config", "none.toml", "--debug")
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("toolrun: none.toml: cannot be read")
    hostile = typed("run", "hi", "--config", "\x1b]0;title\x07.toml", "--debug")
    assert "Traceback" in hostile.stderr
    assert "\u241b]0;title\u2407" in hostile.stderr
    assert "\x1b" not in hostile.stderr


@pytest.mark.parametrize("command", [("run", "hi"), ("chat",), ("demo",)])
def test_without_a_server_the_command_that_starts_one_is_shown(
    typed: Typed, command: tuple[str, ...]
) -> None:
    done = typed(*command, TOOLRUN_BASE_URL="http://127.0.0.1:9/v1")
    assert done.returncode == 5
    assert "no server a" in done.stderr
    assert "http://127.0.0.1:9/v1: " in done.stderr
    assert "vllm serve openai/gpt-oss-20b " in done.stderr
    assert "--tool-call-parser openai" in done.stderr
    assert "--enable-auto-tool-choice" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_limit_and_a_call_that_waits_have_codes_of_their_own(
    typed: Typed, mock: MockServer
) -> None:
    counting(mock)
    limited = typed("run", "x", *READING, "--limits-steps", "1")
    assert (limited.returncode, limited.stdout) == (3, "")
    assert "! limited: limits.steps = 1" in limited.stderr
    mock.script(Step("Hm.", tool_calls=(Call("send", '{"text":"x"}'),)))
    parked = typed("run", "x", "--tools", "my_tools.py")
    assert (parked.returncode, parked.stdout) == (6, "")
    assert '? waits for approval: send(text="x")' in parked.stderr
    assert "! parked: a call waits for approval; --approve all or none decides" in parked.stderr


def test_no_secret_is_shown(typed: Typed, mock: MockServer) -> None:
    mock.settings(api_key="sk-the-right-one")
    wrong = typed("run", "hi", "--log-level", "debug", TOOLRUN_API_KEY="sk-a-wrong-one")
    assert wrong.returncode == 5
    assert "Check api_key" in wrong.stderr
    right = typed("run", "hi", "--api-key", "sk-the-right-one", "--log-level", "debug")
    assert (right.returncode, right.stdout) == (0, "Hello there, friend!\n")
    assert json.loads(right.stderr.splitlines()[0])["event"] == "session"
    assert typed("run", "hi", OPENAI_API_KEY="sk-the-right-one").returncode == 5
    assert "sk-" not in wrong.stderr + right.stderr


def test_replay_shows_the_session_and_finds_the_first_difference(
    typed: Typed, mock: MockServer
) -> None:
    counting(mock)
    assert typed("run", "How many?", *READING, "--trace", "t.jsonl").returncode == 0
    mock.reset()
    same = typed("replay", "t.jsonl", TOOLRUN_BASE_URL="http://127.0.0.1:9/v1")
    assert same.returncode == 0
    lines = same.stdout.splitlines()
    assert lines[0] == f"{PROMPT} How many?"
    assert "There are 4." in lines
    assert re.fullmatch(r"replayed \d+ events, 2 steps: identical", lines[-1])
    assert mock.bodies() == []
    trace = (typed.folder / "t.jsonl").read_text()
    assert '"content":"4"' in trace
    (typed.folder / "changed.jsonl").write_text(trace.replace('"content":"4"', '"content":"5"', 1))
    other = typed("replay", "changed.jsonl", "--quiet")
    assert other.returncode == 1
    assert "then it differs: line " in other.stdout


def test_chat_reads_lines_where_stdin_is_no_terminal(typed: Typed, mock: MockServer) -> None:
    mock.script(
        Step("Hm.", tool_calls=(Call("send", '{"text":"x"}'),)), Step(None, "Done."), name="s"
    )
    lines = [
        "[[script:s]] go",
        "y",
        "[[script:final]]",
        "/usage",
        "/hlep",
        "/tools",
        "/trace",
        "/exit",
        "no",
    ]
    done = typed("chat", "--tools", "my_tools.py", stdin="\n".join(lines))
    assert (done.returncode, done.stderr) == (0, "")
    shown = done.stdout.splitlines()
    assert shown[0] == f"— openai/gpt-oss-20b on {mock.url} (vLLM 0.32.0)"
    assert shown[1] == "— tools: word_count, wait"
    assert shown[2].startswith("— sandbox pure: ")
    assert shown[3] == "◆ TRUSTED, in no sandbox: send (asks first)"
    order = [
        "◆ send would run TRUSTED: in no sandbox, with all that you may do",
        '    {"text": "x"}',
        '  ▶ send(text="x")  [TRUSTED, in this process]',
        "Done.",
        "Hello there, friend!",
        "! no command /hlep; did you mean /help?",
    ]
    assert [line for line in shown if line in order] == order
    assert len(mock.bodies()) == 3


def test_chat_goes_on_after_an_error_of_the_server(typed: Typed, mock: MockServer) -> None:
    mock.script(Step(None, "x", fault="http_408"), name="bad")
    done = typed("chat", stdin="[[script:bad]] a\n[[script:final]]\n")
    assert done.returncode == 0
    assert "answered 408" in done.stdout
    assert "Hello there, friend!" in done.stdout


def test_demo_narrates_and_fails_where_the_proof_fails(typed: Typed, mock: MockServer) -> None:
    counting(mock)
    done = typed("demo", "--server-note", "A mock: it gives no token ids.")
    assert done.returncode == 1, done.stderr
    shown = done.stdout
    for part in (
        "A mock: it gives no token ids.",
        "── Step 1: the model is sampled\n  ┊ I should count.",
        "  » I will count.",
        "The arguments fit the tool's schema; it runs in a sandbox of profile workspace-ro",
        '  ▶ word_count(path="notes.md")  [sandbox workspace-ro]',
        "── Step 2: the model is sampled; the request adds the reasoning, the call and the tool's",
        "There are 4.",
        "It could not be proved: ",
        "2 steps: identical.",
    ):
        assert part in shown
    assert re.search(r"◀ word_count \(.*\): 31\n", shown)
    trace = re.search(r"The trace is (\S+)", shown)
    assert trace is not None
    assert Path(trace[1]).is_relative_to(typed.folder / "state")


def test_a_file_of_settings_that_does_not_fit_is_named(typed: Typed) -> None:
    (typed.folder / "toolrun.toml").write_text('modle = "x"')
    done = typed("run", "hi")
    assert done.returncode == 2
    assert done.stderr == "toolrun: toolrun.toml: unknown key 'modle'; did you mean 'model'?\n"


SEND = Call("send", '{"text":"x"}')
SENDING = ("run", "x", "--tools", "my_tools.py")


def test_approve_all_runs_what_asks(typed: Typed, mock: MockServer) -> None:
    mock.script(Step("Hm.", tool_calls=(SEND,)), Step(None, "Sent."))
    done = typed(*SENDING, "--approve", "all")
    assert (done.returncode, done.stdout) == (0, "Sent.\n")
    assert mock.bodies()[1]["messages"][-1]["content"] == "sent x"


def test_approve_none_denies_and_has_a_code_of_its_own(typed: Typed, mock: MockServer) -> None:
    mock.script(Step("Hm.", tool_calls=(SEND,)), Step(None, "I may not."))
    done = typed(*SENDING, "--approve", "none")
    assert (done.returncode, done.stdout) == (4, "I may not.\n")
    assert "nobody is there to approve it" in mock.bodies()[1]["messages"][-1]["content"]
    mock.script(Step("Hm.", tool_calls=(SEND,)), Step(None, "I may not."))
    done = typed(*SENDING, "--approve", "none", "--json")
    assert done.returncode == 4
    assert '"decision":"deny"' in done.stdout


PERSON = '{"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}'


def test_output_gives_json_that_fits_the_schema(typed: Typed, mock: MockServer) -> None:
    (typed.folder / "person.json").write_text(PERSON)
    mock.script(
        Step("Hm.", "Counting.", tool_calls=(COUNT,)), Step("So.", '{"name": "Ann \\u009b"}')
    )
    done = typed("run", "Who?", *READING, "--output", "person.json")
    assert (done.returncode, done.stdout) == (0, '{"name":"Ann \\u009b"}\n')
    assert "» Counting." in done.stderr
    mock.reset()
    mock.script(*[Step("Hm.", '{"nam": 1}')] * 9)
    other = typed("run", "Who?", "--output", "person.json")
    assert (other.returncode, other.stdout) == (1, "")
    assert "toolrun: " in other.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "toolrun: --output person.json: cannot be read: No such file or directory\n"),
        ("{", "toolrun: --output person.json: no JSON Schema: "),
        ("[]", "toolrun: --output person.json: no JSON Schema: "),
        ('{"type": "objekt"}', "toolrun: output: "),
    ],
)
def test_a_schema_that_is_none_is_named(typed: Typed, text: str | None, message: str) -> None:
    if text is not None:
        (typed.folder / "person.json").write_text(text)
    done = typed("run", "Who?", "--output", "person.json")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(message)


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (("to",), ["tools"]),
        (("tools", "ca"), ["call"]),
        (("run", "--approve", ""), ["ask", "all", "none"]),
        (("run", "--outp"), ["--output"]),
    ],
)
def test_a_shell_completes(typed: Typed, words: tuple[str, ...], completed: list[str]) -> None:
    (typed.folder / "completion").write_text(typed("completion", "bash").stdout)
    script = (
        f"source ./completion; COMP_WORDS=(toolrun {' '.join(map(repr, words))}); "
        f"COMP_CWORD={len(words)}; _toolrun; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == completed


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_theirs(typed: Typed, shell: str) -> None:
    done = typed("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert "toolrun" in done.stdout
    assert "approve" in done.stdout


def test_trace_export_writes_a_line_a_turn_or_says_why_not(typed: Typed, mock: MockServer) -> None:
    message = AssistantMessage(
        "Yes.", rendered_token_ids=(1, 2), token_ids=(3,), logprobs=(-0.5,), finish_reason="stop"
    )
    asked = (OPENED, UserMessage("Go."))
    written(typed.folder / "t.jsonl", [*asked, message, TurnFinished("finished")])
    written(typed.folder / "same.jsonl", [*asked, message, TurnFinished("finished")])
    done = typed("trace", "export", "--tokens", "t.jsonl", "same.jsonl")
    assert (done.returncode, done.stderr) == (0, "")
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first == second
    assert (first["prompt_ids"], first["completion_ids"], first["logprobs"]) == (
        [1, 2],
        [3],
        [-0.5],
    )

    written(typed.folder / "chat.jsonl", [*asked, AssistantMessage("Yes.")])
    for words, told in (
        (("t.jsonl",), "say what to export, --chat, --markdown or --tokens"),
        (("--tokens",), "name a trace: toolrun trace export --chat FILE"),
        (("--tokens", "no.jsonl"), "there is no trace no.jsonl"),
        (("--tokens", "chat.jsonl"), "step 1 of turn 1 was not sampled directly"),
    ):
        refused = typed("trace", "export", *words)
        assert (refused.returncode != 0, refused.stdout) == (True, "")
        assert told in refused.stderr
