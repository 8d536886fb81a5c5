"""Does the test that is made of a trace pass at once, fail where it should, and read well?"""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import toolrun
from tests.unit.context.talker import Talker, read
from toolrun import Approve, Deny, Edit, Limits, Rule, Session, tool
from toolrun.cli.app import command
from toolrun.errors import TraceError
from toolrun.testing import ScriptedModel, call, calls, say
from toolrun.trace.literals import WIDTH, Code, Made, string, written
from toolrun.trace.reader import read_trace
from toolrun.trace.to_test import Tools, to_test

if TYPE_CHECKING:
    from toolrun.decisions import Decision
    from toolrun.values import ToolCall

ROOT = Path(toolrun.__file__).parent.parent
TRACES = ROOT / "tests" / "traces" / "format-1"
KINDS = (
    *("analysis-only-streamed", "cut-off-answer", "denied", "hostile-text-streamed", "imported"),
    *("limited-then-on-streamed", "one-call-harmony-streamed", "three-turns-with-calls"),
)
TOOLS = '''
from toolrun import tool

@tool(trusted=True, approve=True)
def send(text: str, to: str = "all") -> str:
    """Send a text."""
    return f"sent {text} to {to}"
'''


@tool(trusted=True, approve=True)
def send(text: str, to: str = "all") -> str:
    """Send a text."""
    return f"sent {text} to {to}"


def passes(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the tests of a folder as their user would."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)],
        cwd=folder,
        env=env | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def made(trace: Path, folder: Path, *words: str) -> str:
    """Have a test of a trace be written; its text."""
    target = folder / f"test_{trace.stem.replace('-', '_')}.py"
    assert command(["trace", "to-test", str(trace), "-o", str(target), *words]) == 0
    return target.read_text()


def test_it_passes_at_once_and_is_as_a_formatter_would_have_it(tmp_path: Path) -> None:
    for name in KINDS:
        made(TRACES / f"{name}.jsonl", tmp_path)

    done = passes(tmp_path)

    assert done.returncode == 0, done.stdout
    assert f"{len(KINDS)} passed" in done.stdout
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent))
    assert ruff is not None
    for words in (("check", "--isolated"), ("format", "--isolated", "--check", "--diff")):
        done = subprocess.run(
            [ruff, *words, "."],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.load  # a second run of pytest in this one
def test_it_fails_where_the_session_does_something_else(tmp_path: Path) -> None:
    text = made(TRACES / "three-turns-with-calls.jsonl", tmp_path)
    changes = (
        ('"And elsewhere?', '"And nowhere?', "And nowhere?"),
        ('profile="workspace-ro",', 'profile="workspace-ro", effort="high",', "effort"),
        ('{"city": "Rome", "unit": "F"}', '{"city": "Rome", "unit": "C"}', "was not called"),
    )
    for number, (old, new, _) in enumerate(changes):
        assert text.count(old) == 1
        (tmp_path / f"test_{number}.py").write_text(text.replace(old, new))

    done = passes(tmp_path)

    assert (done.returncode, "3 failed, 1 passed" in done.stdout) == (1, True), done.stdout
    assert [said for _, _, said in changes if said not in done.stdout] == []


async def _decided_one_by_one(path: Path) -> None:
    model = ScriptedModel(
        calls(call("send", {"text": "a"}), call("send", {"text": "b"})),
        calls(call("send", {"text": 'it\'s "c"'})),
        say("Sent."),
        say("This is taken back."),
        calls(call("send", {"text": "d", "to": "you"})),
        say("Once more: " + "a long answer, which takes several lines; " * 4 + "\nthe end."),
    )
    async with Session(
        model=model, tools=[send], trace=path, limits=Limits(steps=20, seconds=None)
    ) as session:
        answer = await session.ask("Send them.")
        first, second = answer.pending
        await session.decide(first.call_id, Edit({"text": "z"}))
        await session.decide(second.call_id, Deny("no b"))
        answer = await session.go_on()
        await session.decide(answer.pending[0].call_id, Approve(Rule("send", {"to": "you"})))
        assert (await session.go_on()).status == "finished"
        await session.ask("Something that is wrong.")
        await session.undo()
        await session.ask("And d\u202e \x1b[2J, to me.\nOnly me.")


async def _approved_and_typed(path: Path) -> None:
    model = ScriptedModel(
        calls(call("send", {"text": "a"}), call("send", {"text": "a"})),
        say('{"city": "Rome", "degrees": 21}'),
    )
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "degrees": {"type": "integer"}},
        "required": ["city", "degrees"],
    }

    async def approve(_: ToolCall) -> Decision:
        return Approve()

    async with Session(
        model=model, tools=[send], approve=approve, trace=path, instructions="Be brief."
    ) as session:
        await session.ask("Send it twice.", output=schema)


async def _summarised(path: Path) -> None:
    async with Session(model=Talker(1_000_000), tools=[read], trace=path) as session:
        await session.ask("9000")
        for _ in range(3):
            await session.ask("")
        assert await session.compact() is not None
        await session.ask("")


async def _talked(path: Path) -> None:
    async with Session(model=ScriptedModel("Hello."), trace=path) as session:
        await session.ask("Hello!")


async def _allowed_for_good(path: Path) -> None:
    model = ScriptedModel(call("send", {"text": "a"}), call("send", {"text": "b"}), "Sent.")
    async with Session(model=model, tools=[send], trace=path) as session:
        answer = await session.ask("Send them.")
        await session.decide(answer.pending[0].call_id, Approve(Rule("send")))
        assert (await session.go_on()).text == "Sent."


async def test_what_people_decided_took_back_and_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], anyio_backend_name: str
) -> None:
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "my_sends.py").write_text(TOOLS)
    by_hand = (_decided_one_by_one, _approved_and_typed)
    for record in (*by_hand, _summarised, _talked, _allowed_for_good):
        path = tmp_path / f"{record.__name__.strip('_')}.jsonl"
        await record(path)
        if anyio_backend_name == "trio":
            continue  # how it was recorded is in no line of it; the tests are the same
        made(path, folder)
        if record not in by_hand:
            continue
        shutil.copy(path, own := tmp_path / f"own-{path.name}")
        try:
            made(own, folder, "--tools", str(folder / "my_sends.py"))
        finally:
            sys.modules.pop("my_sends", None)
    if anyio_backend_name == "trio":
        return
    assert "put " not in capsys.readouterr().err
    done = passes(folder)
    assert done.returncode == 0, done.stdout
    assert "7 passed" in done.stdout

    one = (folder / "test_decided_one_by_one.py").read_text()
    assert 'Edit({"text": "z"})' in one
    assert 'Approve(Rule("send", {"to": "you"}))' in one
    assert 'Deny("no b")' in one
    assert "session.undo()" in one
    assert "limits=Limits(steps=20, seconds=None)" in one
    assert r"\u202e \x1b[2J" in one
    typed = (folder / "test_approved_and_typed.py").read_text()
    assert 'assert_called(answer, "send", {"text": "a"}, times=2)' in typed
    assert "        session.compact()\n" in (folder / "test_summarised.py").read_text()
    assert "tools=" not in (folder / "test_talked.py").read_text()
    allowed = (folder / "test_allowed_for_good.py").read_text()
    assert 'session.decide("call_1_1", Approve(Rule("send")))' in allowed
    own_text = (folder / "test_own_approved_and_typed.py").read_text()
    assert "from my_sends import send\n" in own_text
    assert "stand_ins" not in own_text


async def test_a_fork_is_refused_and_many_tools_take_several_lines(tmp_path: Path) -> None:
    path, forked = tmp_path / "t.jsonl", tmp_path / "fork.jsonl"
    async with Session(model=ScriptedModel("One.", "Two."), tools=[send], trace=path) as session:
        await session.ask("one")
        async with session.fork(trace=forked) as other:
            await other.ask("two")

    with pytest.raises(TraceError, match="the session is a fork: make a test of the one"):
        to_test(read_trace(forked), "fork.jsonl", Tools())
    names = [f"send_a_letter_to_number_{number}" for number in range(9)]
    text = to_test(read_trace(path), "t.jsonl", Tools({"my_tools": names}, f"[{', '.join(names)}]"))
    first, *rest = text[text.index("from my_tools import") :].splitlines()
    assert first == "from my_tools import ("
    assert rest[:10] == [*(f"    {name}," for name in names), ")"]
    ast.parse(text)


def test_what_cannot_be_a_test_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = TRACES / "final.jsonl"
    made(trace, tmp_path)

    def refused(path: Path, *words: str, code: int = 2) -> str:
        capsys.readouterr()
        assert command(["trace", "to-test", str(path), *words]) == code
        return capsys.readouterr().err

    assert "is there already" in refused(trace, "-o", str(tmp_path / "test_final.py"))
    (tmp_path / "final.jsonl").write_text("another\n")
    assert "another trace lies at" in refused(trace, "-o", str(tmp_path / "test_other.py"))
    cut = tmp_path / "cut.jsonl"
    cut.write_text("".join(trace.read_text().splitlines(keepends=True)[:-1]))
    assert "ends in the middle of a turn" in refused(
        cut, "-o", str(tmp_path / "test_cut.py"), code=1
    )
    (tmp_path / "sends.py").write_text(TOOLS)
    try:
        said = refused(trace, "-o", str(tmp_path / "t.py"), "--tools", str(tmp_path / "sends.py"))
    finally:
        sys.modules.pop("sends", None)
    assert "the trace has get_weather, word_count" in said
    assert "a test imports functions" in refused(
        trace, "-o", str(tmp_path / "t.py"), "--tools", _manifest(tmp_path)
    )
    assert sorted(each.name for each in tmp_path.iterdir() if each.suffix == ".py") == [
        "sends.py",
        "test_final.py",
    ]


def _manifest(folder: Path) -> str:
    path = folder / "tools.toml"
    path.write_text(
        '[[tools]]\nname = "echo"\ndescription = "Say."\ncommand = ["echo"]\n'
        'parameters = {type = "object"}\n'
    )
    return str(path)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "it's",
        'say "so"',
        "both ' and \"",
        "back\\slash\n\ttab \x00 \x7f \u2028 \u202e \U0001f600 \udc80",
        "words " * 40,
        "x" * 300,
        "line\n" * 40,
        None,
        True,
        -1.5,
        [],
        {},
        (),
        ("one",),
        {"a": ["b" * 60, {"c": "d " * 60}], "e": ("f",), 'g"': None},
        list(range(60)),
    ],
)
@pytest.mark.parametrize("depth", [0, 3])
def test_a_written_value_is_the_value(value: Any, depth: int) -> None:
    text = written(value, "value = ", "", depth)
    lines = text.split("\n")
    (statement,) = ast.parse("\n".join(line[4 * depth :] for line in lines)).body
    assert isinstance(statement, ast.Assign)
    assert ast.literal_eval(statement.value) == value
    assert all(len(line) <= WIDTH or "x" * 80 in line for line in lines)


def test_a_call_is_written_over_lines_where_it_is_long() -> None:
    short = Made("f", [("", Code("x")), ("y", "z")])
    assert written(short, "a = ") == 'a = f(x, y="z")'
    assert written(Made("f", []), depth=1) == "    f()"
    long = Made("f", [("", "a" * 50), ("b", ["c" * 50])])
    assert written(long, "", ":") == (f'f(\n    "{"a" * 50}",\n    b=["{"c" * 50}"],\n):')
    code = Code("tools_of_" + "x" * WIDTH)
    assert written(code, "tools=", ",", 1) == f"    tools={code.text},"  # it cannot be parted
    assert written([code], "tools=", ",") == f"tools=[\n    {code.text},\n],"
    assert string("\ud800") == '"\\ud800"'


def changed(folder: Path, name: str, settings: dict[str, Any]) -> Path:
    """A trace that says something else of its settings."""
    lines = (TRACES / "three-turns-with-calls.jsonl").read_text().splitlines(keepends=True)
    opened = json.loads(lines[1])
    opened["settings"] |= settings
    lines[1] = json.dumps(opened) + "\n"
    path = folder / name
    path.write_text("".join(lines))
    return path


CODE = "__import__('pathlib').Path('ran').touch()"


@pytest.mark.parametrize(
    "settings",
    [
        {"sampling": {f"seed={CODE} or 1, top_p": 1.0}},
        {"limits": {f"steps={CODE} or 9, calls": 9}},
        {"budget": {"prices": {"prompt": 1.0, f"cached={CODE} or 1.0, completion": 1.0}}},
        {"retries": ["no table"]},
    ],
)
def test_names_in_a_trace_are_no_code(
    settings: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = changed(tmp_path, "a.jsonl", settings)

    assert command(["trace", "to-test", str(trace), "-o", str(tmp_path / "test_a.py")]) != 0

    assert not (tmp_path / "test_a.py").exists()
    assert "the settings can't be used" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", [f'a""" + str({CODE}) + """.jsonl', "a\\.jsonl", 'a"\n"".jsonl', "\x1b]0;a\x07.jsonl"]
)
def test_the_name_of_a_trace_is_no_code(name: str, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    trace = changed(tmp_path / "theirs", name, {})

    text = made(trace, tmp_path)

    whole = ast.parse(text)
    assert (
        ast.get_docstring(whole, clean=False) == f"{name} as a test. Made by toolrun trace to-test."
    )
    assert text.replace("\n", "").isprintable()
    assert [type(each) for each in whole.body[-2:]] == [ast.Assign, ast.FunctionDef]


def test_only_a_trace_is_copied_from_a_folder_of_others(tmp_path: Path) -> None:
    theirs, mine = tmp_path / "theirs", tmp_path / "mine"
    theirs.mkdir()
    trace = changed(theirs, "a.jsonl", {})
    secret = tmp_path / "secret"
    secret.write_text("mine")
    (theirs / "a.2.jsonl").symlink_to(secret)
    blobs = theirs / "a.blobs"
    (blobs / "inner").mkdir(parents=True)
    for code in (blobs / "conftest.py", blobs / "test_code.py", blobs / "inner" / "conftest.py"):
        code.write_text(CODE)
    (blobs / ("0" * 64)).symlink_to(secret)
    (blobs / ("1" * 64)).write_text("a text")

    made(trace, mine)

    found = {str(each.relative_to(mine)) for each in mine.rglob("*") if each.is_file()}
    assert found == {"test_a.py", "a.jsonl", f"a.blobs/{'1' * 64}"}
