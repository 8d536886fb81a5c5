"""Does each mode do what it says: replay, record, refresh, live?"""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.unit.pytest_plugin.conftest import outcomes

if TYPE_CHECKING:
    from tests.unit.pytest_plugin.conftest import Project

ASKS = """
@pytest.mark.trace("traces/paris.jsonl")
def test_paris(toolrun_session):
    with toolrun_session.sync(**OPTIONS) as session:
        answer = session.ask("How warm is Paris?")
    assert answer.text == "It is warm."
    assert_called(answer, "weather", {"city": "Paris"}, times=1)
"""


def test_a_missing_trace_says_how_it_is_recorded(project: Project) -> None:
    project.test(ASKS)
    result = project.run()

    assert outcomes(result) == {"errors": 1}
    result.stdout.fnmatch_lines(
        [
            f"there is no trace {project.path}/traces/paris.jsonl. Record it, from the live *",
            "    pytest --trace-mode=record 'test_it.py::test_paris'",
        ]
    )
    result.stdout.no_fnmatch_line("*plugin.py*")
    assert project.files() == set()


def test_what_is_missing_is_recorded_and_then_replayed(project: Project) -> None:
    project.test(ASKS)
    recorded = project.run("--trace-mode=record")

    assert outcomes(recorded) == {"passed": 1}
    recorded.stdout.fnmatch_lines(["*traces recorded*", "traces/paris.jsonl"])
    assert project.files() == {"traces/paris.jsonl"}
    trace = project.path / "traces/paris.jsonl"
    before = trace.read_bytes()

    # Nothing but the trace can answer now.
    project.test(ASKS.replace("**OPTIONS", "tools=[weather], model='ScriptedModel'"))
    assert outcomes(project.run()) == {"passed": 1}
    assert outcomes(project.run("--trace-mode=record")) == {"passed": 1}
    assert trace.read_bytes() == before


def test_a_recording_of_a_failed_test_is_not_kept(project: Project) -> None:
    project.test(ASKS + "    assert False\n")
    result = project.run("--trace-mode=record")

    assert outcomes(result) == {"failed": 1}
    assert project.files() == set()
    result.stdout.no_fnmatch_line("*traces recorded*")


def test_refresh_replaces_a_trace_if_the_test_passes(project: Project) -> None:
    old = project.trace("traces/paris.jsonl", "How warm is it in Paris?").read_bytes()
    (project.path / "traces/paris.2.jsonl").write_text("a part that the new one has not\n")
    project.test(ASKS + "    assert False\n")
    assert outcomes(project.run("--trace-mode=refresh")) == {"failed": 1}
    assert (project.path / "traces/paris.jsonl").read_bytes() == old

    project.test(ASKS)
    assert outcomes(project.run()) == {"failed": 1}
    assert outcomes(project.run("--trace-mode=refresh")) == {"passed": 1}
    assert project.files() == {"traces/paris.jsonl"}
    assert outcomes(project.run()) == {"passed": 1}


@pytest.mark.load
def test_refresh_keeps_the_old_one_if_a_fixture_fails_at_its_end(project: Project) -> None:
    old = project.trace("traces/paris.jsonl", "How warm is it in Paris?").read_bytes()
    project.test(
        "@pytest.fixture(autouse=True)\ndef end():\n    yield\n    raise OSError('gone')\n" + ASKS
    )

    assert outcomes(project.run("--trace-mode=refresh")) == {"passed": 1, "errors": 1}
    assert (project.path / "traces/paris.jsonl").read_bytes() == old


def test_an_interrupted_recording_leaves_nothing(project: Project) -> None:
    project.test(ASKS + "    pytest.exit('enough')\n")
    result = project.run("--trace-mode=record")

    assert result.ret != 0
    assert [each.name for each in (project.path / "traces").iterdir()] == []


def test_live_reads_and_writes_no_trace(project: Project) -> None:
    project.trace("traces/paris.jsonl", "Something else.")
    project.test(ASKS)

    assert outcomes(project.run("--trace-mode=live")) == {"passed": 1}
    assert project.files() == {"traces/paris.jsonl"}


@pytest.mark.load
def test_the_mode_and_the_folder_may_be_settings(
    project: Project, pytester: pytest.Pytester
) -> None:
    pytester.makeini("[pytest]\ntoolrun_trace_mode = record\ntoolrun_traces = kept/here\n")
    project.test(ASKS)

    assert outcomes(project.run()) == {"passed": 1}
    assert project.files() == {"kept/here/traces/paris.jsonl"}
    assert outcomes(project.run("--trace-mode=replay")) == {"passed": 1}


def test_a_mode_that_there_is_not_is_refused(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\ntoolrun_trace_mode = rewind\n")
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*toolrun_trace_mode is one of replay, *, not rewind"])


def test_sessions_of_a_service_get_their_traces_in_the_order_of_opening(project: Project) -> None:
    project.test(
        """
class Service:
    def __init__(self):
        self.runtime = Runtime(**OPTIONS, trace="of-production.jsonl")

    async def answer(self, text):
        async with self.runtime.session() as session:
            return (await session.ask(text)).text

@pytest.mark.anyio
@pytest.mark.trace("first.jsonl", "second.jsonl")
async def test_service():
    service = Service()
    assert await service.answer("How warm is Paris?") == "It is warm."
    assert await service.answer("And now?") == "It is warm."
"""
    )
    # Recorded under asyncio, where it was missing, and replayed under trio.
    assert outcomes(project.run("--trace-mode=record")) == {"passed": 2}
    assert project.files() == {"first.jsonl", "second.jsonl"}
    assert outcomes(project.run()) == {"passed": 2}
    assert project.files() == {"first.jsonl", "second.jsonl"}


RECORDING = """
from toolrun import Recording

@pytest.mark.trace("paris.jsonl")
def test_it(toolrun_session):
    own = Recording(path="own.jsonl", HOW)
    with toolrun_session.sync(**OPTIONS, trace=own) as session:
        answer = session.ask("How warm is Paris?" + "?" * 5000)
    assert answer.text == "It is warm."
"""


@pytest.mark.load
def test_long_texts_come_and_go_with_their_trace(project: Project) -> None:
    project.test(RECORDING.replace("HOW", "blob_bytes=4096, compress=True, max_bytes=4096"))
    assert outcomes(project.run("--trace-mode=record")) == {"passed": 1}
    files = project.files()
    assert {name for name in files if ".blobs/" not in name} == {"paris.jsonl"}
    assert len(files) > 1

    assert outcomes(project.run()) == {"passed": 1}
    assert outcomes(project.run("--trace-mode=refresh")) == {"passed": 1}
    assert project.files() == files

    project.test(RECORDING.replace("HOW", "blob_bytes=None"))
    assert outcomes(project.run("--trace-mode=refresh")) == {"passed": 1}
    assert project.files() == {"paris.jsonl"}


def test_what_a_session_leaves_out_of_its_own_trace_is_left_out(project: Project) -> None:
    project.test(RECORDING.replace("HOW", 'patterns=["(Paris)"]'))

    assert outcomes(project.run("--trace-mode=record")) == {"passed": 1}
    assert b"Paris" not in (project.path / "paris.jsonl").read_bytes()
    assert outcomes(project.run()) == {"passed": 1}


@pytest.mark.parametrize("mode", ["replay", "record"])
def test_a_session_without_a_trace_fails_the_test_whoever_caught_it(
    project: Project, mode: str
) -> None:
    if mode == "replay":
        project.trace("first.jsonl")
    project.test(
        """
@pytest.mark.trace("first.jsonl")
def test_two():
    with Session.sync(**OPTIONS) as session:
        session.ask("How warm is Paris?")
    try:
        Session(**OPTIONS)
    except Exception:
        pass
"""
    )
    result = project.run(f"--trace-mode={mode}")

    assert outcomes(result) == {"failed": 1}
    result.stdout.fnmatch_lines(
        ["E   the test opened session 2, and its mark names 1 trace. Name one for each session, *"]
    )
    assert project.files() == ({"first.jsonl"} if mode == "replay" else set())


def test_a_trace_without_a_session_fails_the_test(project: Project) -> None:
    for name in ("first.jsonl", "second.jsonl"):
        project.trace(name)
    project.test(ASKS.replace('"traces/paris.jsonl"', '"first.jsonl", "second.jsonl"'))
    result = project.run()

    assert outcomes(result) == {"failed": 1}
    result.stdout.fnmatch_lines(
        ["E   *second.jsonl was not used: the mark names 2 traces, *1 ses*"]
    )


def test_what_is_found_at_the_end_of_a_test_is_shown_at_its_begin(project: Project) -> None:
    project.trace("first.jsonl")
    project.test("@pytest.mark.trace('first.jsonl')\ndef test_it():\n    pass\n")
    result = project.run()

    assert outcomes(result) == {"failed": 1}
    result.stdout.fnmatch_lines(
        [
            "test_it.py:*",
            ">   @pytest.mark.trace('first.jsonl')",
            "E   *first.jsonl was not used: the mark names 1 trace, and *opened 0 sessions. *",
        ]
    )


def test_a_trace_that_was_cut_off_is_told_of(project: Project) -> None:
    trace = project.trace("traces/paris.jsonl")
    lines = trace.read_bytes().splitlines(keepends=True)
    trace.write_bytes(b"".join(lines[:4]))
    project.test(ASKS)

    project.run().stdout.fnmatch_lines(["*paris.jsonl ends in the middle of a turn, *refresh *"])

    trace.write_bytes(lines[0])
    project.run().stdout.fnmatch_lines(["*paris.jsonl: the trace does not begin with SessionOp*"])


def test_a_recorded_step_that_is_not_used_fails_the_test(project: Project) -> None:
    project.trace("traces/paris.jsonl", "How warm is Paris?", "Thank you.")
    project.test(ASKS)
    result = project.run()

    assert outcomes(result) == {"failed": 1}
    result.stdout.fnmatch_lines(
        [
            "    user       How warm is Paris?",
            "    text       It is warm.",
            "E   *step 1 of turn 2 was not used*",
            "E   To record it again: pytest --trace-mode=refresh 'test_it.py::test_paris'",
        ]
    )


@pytest.mark.load
def test_the_mark_says_how_strictly(project: Project) -> None:
    project.trace("paris.jsonl")
    code = """
@pytest.mark.trace("paris.jsonl", HOW)
def test_it(toolrun_session):
    with toolrun_session.sync(**OPTIONS, instructions="Be brief.") as session:
        session.ask("How warm is Paris?")
"""
    found = {}
    for how in ("", 'strictness="semantic"', 'volatile=["Be.*"]', 'strictness="lax"'):
        project.test(code.replace("HOW", how))
        found[how] = outcomes(project.run())

    assert found == {
        "": {"failed": 1},
        'strictness="semantic"': {"passed": 1},
        'volatile=["Be.*"]': {"failed": 1},
        'strictness="lax"': {"errors": 1},
    }


def test_live_tools_run_and_others_do_not(project: Project) -> None:
    project.trace("paris.jsonl")
    code = """
@tool(trusted=True)
def weather(city: str) -> str:
    "Look up the weather."
    RAN.append(city)
    return f"20 C in {city}"

RAN = []
@pytest.mark.trace("paris.jsonl", tools="SOURCE")
def test_it(toolrun_session):
    with toolrun_session.sync(model=model(), tools=[weather]) as session:
        session.ask("How warm is Paris?")
    assert RAN == EXPECTED
"""
    for source, expected in (("live", '["Paris"]'), ("trace", "[]")):
        project.test(code.replace("SOURCE", source).replace("EXPECTED", expected))
        assert outcomes(project.run()) == {"passed": 1}


@pytest.mark.parametrize(
    ("mark", "says"),
    [
        ("()", 'the mark names no trace: @pytest.mark.trace("file.jsonl")'),
        ("(7)", "a trace is a path, not 7: @pytest.mark.trace(7)"),
        ("('a.jsonl', model='live')", "there is no model; there are strictness, tools, volatile"),
        ("('a.jsonl', 'folder')", "a mark names one folder or pattern, or files"),
        ("('folder')", "there are no traces at"),
    ],
)
def test_a_mark_that_makes_no_sense_is_refused(project: Project, mark: str, says: str) -> None:
    project.test(ASKS.replace('("traces/paris.jsonl")', mark))
    result = project.run()

    assert outcomes(result) == {"errors": 1}
    result.stdout.re_match_lines([f".*{re.escape(says)}"])


def test_a_file_that_is_no_trace_is_refused(project: Project) -> None:
    (project.path / "traces").mkdir()
    (project.path / "traces/paris.jsonl").write_text("{}\n")
    project.test(ASKS)
    result = project.run()

    assert outcomes(result) == {"errors": 1}
    result.stdout.fnmatch_lines(["*paris.jsonl, line 1: not a trace*"])


def test_the_fixture_wants_a_mark(project: Project) -> None:
    project.test("def test_it(toolrun_session): pass")
    result = project.run()

    assert outcomes(result) == {"errors": 1}
    result.stdout.fnmatch_lines(["toolrun_session needs a trace: mark the test with *"])


@pytest.mark.load
def test_a_test_that_is_skipped_or_expected_to_fail_needs_no_trace(project: Project) -> None:
    project.test("@pytest.mark.skip\n" + ASKS.strip())
    assert outcomes(project.run("--strict-markers")) == {"skipped": 1}

    project.test("@pytest.mark.xfail\n" + ASKS.strip() + "\n    assert False\n")
    assert outcomes(project.run("--trace-mode=record")) == {"xfailed": 1}
    assert project.files() == set()


def test_the_start_of_pytest_imports_nothing_of_sessions() -> None:
    code = (
        "import pytest, sys; before = set(sys.modules); "
        "import toolrun.integrations.pytest.plugin; print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )

    ours = "toolrun.integrations"
    assert set(done.stdout.split()) == {
        *("toolrun", "toolrun.exports"),
        *(ours, f"{ours}.pytest", f"{ours}.pytest.plugin", f"{ours}.pytest.marks"),
    }
