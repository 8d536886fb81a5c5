"""`toolrun init`: a project with one tool, its settings, and a test that needs no server."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Final

from toolrun.errors import ConfigError

_TOOLS: Final = '''"""The tools of this agent. Each runs in a sandbox, which imports this file."""

from pathlib import Path

from toolrun import tool


@tool
def word_count(path: str) -> int:
    """Count the words of a text file.

    Args:
        path: of the file, from the workspace on.
    """
    return len(Path(path).read_text(encoding="utf-8").split())
'''
_TEST: Final = '''"""Does the agent work? A script stands in for the model, and for a server."""

from pathlib import Path

from toolrun import Session
from toolrun.testing import ScriptedModel, assert_called, call

from my_tools import word_count

NOTES = Path(__file__).parent / "notes"


def test_the_tool() -> None:
    assert word_count(str(NOTES / "hello.txt")) == 7


def test_the_agent_counts_with_the_tool() -> None:
    model = ScriptedModel(
        call("word_count", {"path": "hello.txt"}, reasoning="I had better count."),
        "There are 7 words in it.",
    )
    with Session.sync(
        model=model, tools=[word_count], workspace=NOTES, profile="workspace-ro"
    ) as session:
        answer = session.ask("How many words are in hello.txt?")

    assert answer.text == "There are 7 words in it."
    assert_called(answer, "word_count", {"path": "hello.txt"}, times=1)
    # What the model read, and that its reasoning came back to it together with the result.
    _, asked, result, _ = session.messages()
    assert asked["reasoning"] == "I had better count."
    assert result["content"] == "7"
'''
_SETTINGS: Final = """# Settings of this folder; options and TOOLRUN_* variables come before them.
model = "openai/gpt-oss-20b"
base_url = "http://localhost:8000/v1"
instructions = "Count with the tool, never by yourself."
tools = ["my_tools.py"]
workspace = "notes"       # all that the tools may see of this machine
profile = "workspace-ro"  # and they may only read it
"""
_IGNORED: Final = """__pycache__/
.pytest_cache/
.venv/
/*.jsonl
"""
_NOTES: Final = "Seven words stand in this short note.\n"
_README: Final = """# An agent with a tool

`my_tools.py` holds the tool, `toolrun.toml` the settings, `test_my_tools.py` tests both without a
server (`pip install pytest`).

```console
$ python -m pytest
$ toolrun tools check
$ toolrun run "How many words are in hello.txt?"
```

The last one needs gpt-oss on a vLLM; `toolrun run` says how to start one where there is none.

What the model says then can be a test: mark one with `@pytest.mark.trace("traces/NAME.jsonl")`,
record it once with `python -m pytest --trace-mode=record`, and commit the trace.
"""
_FILES: Final = {
    "my_tools.py": _TOOLS,
    "test_my_tools.py": _TEST,
    "toolrun.toml": _SETTINGS,
    "notes/hello.txt": _NOTES,
    ".gitignore": _IGNORED,
    "README.md": _README,
}
_NEXT: Final = {
    "python -m pytest": "passes without a server",
    "toolrun tools check": "the sandbox imports it",
    'toolrun run "How many words are in hello.txt?"': "needs a server",
}


def init(folder: Path = Path(), /) -> int:
    """Make a project: one tool, its settings, and a test that passes.

    No file is overwritten: where one is there already, nothing is made.

    Args:
        folder: To make it in; this one by default.
    """
    there = [name for name in _FILES if (folder / name).exists()]
    if there:
        raise ConfigError(f"{folder} holds {', '.join(there)} already; nothing was written")
    try:
        for name, text in _FILES.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{error.filename}: cannot be written: {error.strerror}") from error
    _told(folder)
    return 0


def _told(folder: Path) -> None:
    """Say what was made, and what comes next."""
    from toolrun.cli import screen as s

    screen = s.Screen.of(sys.stdout)
    where = "" if folder == Path() else f" in {folder}"
    screen.line(s.GOOD, f"made {', '.join(_FILES)}{where}. Next:")
    if where:
        print(s.visible(f"    cd {shlex.quote(str(folder))}"))
    width = max(map(len, _NEXT))
    for command, what in _NEXT.items():
        print(f"    {command:<{width}}  # {what}")
