"""Does `toolrun tools` list, check, call and show what a session would have?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from toolrun.cli.tool_call import given
from toolrun.errors import ConfigError

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Typed

TOOLS = ("--tools", "my_tools.py")
BROKEN = '''
import os
from toolrun import tool

if os.environ.get("USER_OF_THE_TEST") is None:
    raise RuntimeError("not in a sandbox")

@tool
def one() -> int:
    """One."""
    return 1

@tool(trusted=True, approve=True)
def send(text: str) -> str:
    """Send something else."""
    return text

@tool(timeout=-1)
def never() -> None:
    """Never."""
'''


def test_listing(typed: Typed) -> None:
    done = typed("tools", "list", *TOOLS)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "word_count [sandbox pure]\n"
        "    Count the words of a text file.\n"
        "wait [sandbox pure]\n"
        "    Wait.\n"
        "send [TRUSTED, in this process, asks for approval]\n"
        "    Send a text.\n"
    )
    lines = json.loads(typed("tools", "list", "--json", *TOOLS).stdout)
    assert lines[2] == {
        "name": "send",
        "profile": None,
        "description": "Send a text.",
        "approve": True,
    }


def test_the_settings_name_tools_too(typed: Typed) -> None:
    settings = 'tools = ["my_tools.py:wait"]\nprofile = "workspace-ro"\nworkspace = "notes"\n'
    (typed.folder / "toolrun.toml").write_text(settings)
    done = typed("tools", "list")
    assert done.stdout == "wait [sandbox workspace-ro]\n    Wait.\n"


@pytest.mark.parametrize("words", [("list",), ("check",), ("call", "wait"), ("schema",)])
def test_without_tools_it_says_how_to_name_some(typed: Typed, words: tuple[str, ...]) -> None:
    done = typed("tools", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "toolrun: there are no tools: give some with --tools FILE, "
        'or tools = ["FILE"] in toolrun.toml\n'
    )


def test_checking_what_holds(typed: Typed) -> None:
    done = typed("tools", "check", *TOOLS)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "✓ word_count [sandbox pure]",
        "✓ wait [sandbox pure]",
        "✓ send [TRUSTED, in this process, asks for approval]",
    ]


def test_checking_names_every_problem(typed: Typed) -> None:
    (typed.folder / "broken.py").write_text(BROKEN)
    words = ("tools", "check", "--tools", "none.py", "--tools", "my_tools.py:send")
    done = typed(*words, "--tools", "broken.py", USER_OF_THE_TEST="1")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines() == [
        "✗ none.py: there is no file none.py",
        "✓ send [TRUSTED, in this process, asks for approval]",
        "✗ one: broken.py cannot be imported in the sandbox: RuntimeError: not in a sandbox",
        "✗ send: another tool has this name too; rename one",
        "✗ never: timeout must be seconds greater than 0, not -1",
    ]
    found = json.loads(typed("tools", "check", "--json", "--tools", "none.py").stdout)
    assert found == [{"name": "none.py", "where": "", "problems": ["there is no file none.py"]}]


def test_checking_names_a_profile_that_is_not_there(typed: Typed) -> None:
    done = typed("tools", "check", "--tools", "my_tools.py:wait", "--profile", "puer")
    assert done.returncode == 1
    assert "✗ wait: " in done.stdout
    assert "puer" in done.stdout


def test_calling(typed: Typed) -> None:
    read = ("--workspace", "notes", "--profile", "workspace-ro", *TOOLS)
    done = typed("tools", "call", "word_count", "path=notes.md", *read)
    assert (done.returncode, done.stdout) == (0, "4\n")
    lines = done.stderr.splitlines()
    assert lines[:2] == [
        '  ▶ word_count(path="notes.md")  [sandbox workspace-ro]',
        "    │ counting ␛[2J notes.md",
    ]
    assert lines[2].startswith("— word_count, 0.")
    piped = typed("tools", "call", "word_count", "-", *read, stdin='{"path": "notes.md"}')
    assert piped.stdout == "4\n"


def test_a_call_that_asks_runs_and_one_that_fails_ends_with_1(typed: Typed) -> None:
    sent = typed("tools", "call", "send", '{"text": "a b"}', *TOOLS)
    assert (sent.returncode, sent.stdout) == (0, "sent a b\n")
    wrong = typed("tools", "call", "wait", "seconds=soon", *TOOLS)
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "✗ wait (invalid): " in wrong.stderr
    failed = typed("tools", "call", "word_count", "path=nowhere", *TOOLS, "--log-level", "error")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "✗ word_count (error): word_count failed: FileNotFoundError" in failed.stderr


def test_calling_as_json_gives_the_events(typed: Typed) -> None:
    done = typed("tools", "call", "send", "text=x", "--json", *TOOLS)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr) == (0, "")
    assert [each["type"] for each in events] == ["ToolCallStarted", "ToolCallFinished"]
    assert events[0]["arguments"] == {"text": "x"}
    assert events[1]["result"]["content"] == "sent x"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("sned", "text=x"), "there is no tool 'sned'; did you mean send?"),
        (("zzz",), "there is no tool 'zzz'; there are word_count, wait, send"),
        (("send", "text"), "'text' is no argument; give KEY=VALUE pairs or one JSON object"),
        (("send", "=x"), "'=x' is no argument"),
        (("send", '{"text": '), "what was typed is no JSON object: "),
        (("send", "-"), "what came on stdin is no JSON object: "),
    ],
)
def test_what_cannot_be_called_is_usage(typed: Typed, words: tuple[str, ...], message: str) -> None:
    done = typed("tools", "call", *words, *TOOLS)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"toolrun: {message}" in done.stderr


def test_the_schema_is_what_the_model_is_sent(typed: Typed) -> None:
    every = json.loads(typed("tools", "schema", *TOOLS).stdout)
    assert [each["function"]["name"] for each in every] == ["word_count", "wait", "send"]
    done = typed("tools", "schema", "wait", "--json", *TOOLS)
    assert done.stdout.count("\n") == 1
    (one,) = json.loads(done.stdout)
    assert one == every[1]
    assert one["function"]["parameters"]["properties"]["seconds"]["type"] == "number"


def test_values_are_texts_where_the_schema_takes_texts() -> None:
    schema = {
        "properties": {
            "text": {"type": "string"},
            "unit": {"enum": ["1", "2"]},
            "maybe": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "number": {"type": "integer"},
            "many": {"type": "array"},
        }
    }
    words = ("text=1", "unit=2", "maybe=null", "number=3", "many=[1, 2]", "other=a=b", "more=true")
    assert json.loads(given(words, schema)) == {
        "text": "1",
        "unit": "2",
        "maybe": "null",
        "number": 3,
        "many": [1, 2],
        "other": "a=b",
        "more": True,
    }
    assert given((), schema) == "{}"
    with pytest.raises(ConfigError):
        given(("a=1", "{}"), schema)


MANIFEST = """
[[tools]]
name = "lines"
description = "Count the lines of what is given."
command = ["wc", "-l"]
stdin = "{text}"
parameters = { type = "object", properties = { text = { type = "string" } }, required = ["text"] }

[[tools]]
name = "away"
description = "Run what is not there."
command = ["no-such-program"]
"""


def test_the_tools_of_a_manifest(typed: Typed) -> None:
    (typed.folder / "tools.toml").write_text(MANIFEST)
    checked = typed("tools", "check", "--tools", "tools.toml")
    assert (checked.returncode, checked.stderr) == (1, "")
    assert checked.stdout == (
        "✓ lines [sandbox pure]\n✗ away: there is no program 'no-such-program' in the sandbox\n"
    )
    called = typed("tools", "call", "lines", '{"text": "a\\nb\\n"}', "--tools", "tools.toml")
    assert (called.returncode, called.stdout) == (0, "2\n")
