"""Are tests made of folders of traces, and is a trace that no test uses told of?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.pytest_plugin.conftest import outcomes, weather
from toolrun import Session
from toolrun.testing import ScriptedModel, call

if TYPE_CHECKING:
    from tests.unit.pytest_plugin.conftest import Project

EACH = """
@pytest.mark.trace("traces")
def test_each(toolrun_session, toolrun_trace):
    with toolrun_session.sync(**OPTIONS) as session:
        for text in toolrun_trace.said:
            session.ask(text)
    assert toolrun_trace.path.is_file()
"""
ONE = """
@pytest.mark.trace("traces/one.jsonl")
def test_one(toolrun_session):
    with toolrun_session.sync(**OPTIONS) as session:
        session.ask("How warm is Paris?")
"""


def names(result: pytest.RunResult) -> list[str]:
    return [line.split("::")[1].split()[0] for line in result.outlines if "PASSED" in line]


@pytest.fixture
def traces(project: Project) -> Project:
    project.trace("traces/one.jsonl")
    project.trace("traces/two.jsonl", "How warm is Paris?", "Thank you.")
    (project.path / "traces/one.2.jsonl").write_text("a part of the one before\n")
    (project.path / "traces/notes.txt").write_text("not a trace\n")
    return project


def test_a_folder_is_a_test_for_each_trace(traces: Project) -> None:
    traces.test(EACH)

    assert names(traces.run("-v")) == ["test_each[one]", "test_each[two]"]


def test_a_pattern_goes_into_folders_and_other_parameters_stand_beside_it(traces: Project) -> None:
    traces.trace("traces/sub/three.jsonl")
    code = EACH.replace('"traces"', '"**/t*.jsonl"')
    traces.test(
        "@pytest.mark.parametrize('number', [1, 2])" + code.replace("trace):", "trace, number):")
    )

    assert set(names(traces.run("-v"))) == {
        *(
            "test_each[two-1]",
            "test_each[two-2]",
            "test_each[sub/three-1]",
            "test_each[sub/three-2]",
        )
    }


@pytest.mark.load
def test_trace_files_parametrise_too(traces: Project) -> None:
    traces.test(
        """
from toolrun.integrations.pytest import trace_files

@pytest.mark.parametrize("trace", trace_files("traces"))
def test_each(toolrun_session, toolrun_trace, trace):
    assert toolrun_trace.path == trace
    with toolrun_session.sync(**OPTIONS) as session:
        for text in toolrun_trace.said:
            session.ask(text)
"""
    )

    assert names(traces.run("-v")) == ["test_each[one]", "test_each[two]"]


def test_a_trace_that_no_test_uses_is_told_of(traces: Project) -> None:
    traces.test(ONE)
    result = traces.run()

    assert outcomes(result) == {"passed": 1}
    result.stdout.fnmatch_lines(
        ["*traces that no test uses*", "traces/two.jsonl", "Mark a test with them, or take*"]
    )
    result.stdout.no_fnmatch_line("*one.2.jsonl*")


@pytest.mark.parametrize("part", [["-k", "one"], ["test_it.py"], ["test_it.py::test_one"]])
def test_it_is_not_told_where_some_of_the_tests_run(traces: Project, part: list[str]) -> None:
    traces.test(ONE)
    result = traces.run(*part)

    assert outcomes(result) == {"passed": 1}
    result.stdout.no_fnmatch_line("*no test uses*")


def test_it_is_not_told_of_folders_that_were_not_run(
    traces: Project, pytester: pytest.Pytester
) -> None:
    # Another folder's tests may name what lies there.
    traces.test(ONE.replace("traces/", "../traces/"))
    pytester.mkdir("sub")
    for name in ("test_it.py", "agent.py"):
        (traces.path / name).rename(traces.path / "sub" / name)
    result = traces.run("sub")

    assert outcomes(result) == {"passed": 1}
    result.stdout.no_fnmatch_line("*no test uses*")
    traces.run(".").stdout.fnmatch_lines(["*traces that no test uses*", "traces/two.jsonl"])


def test_it_is_not_told_where_a_module_could_not_be_read(traces: Project) -> None:
    traces.test(ONE)
    traces.test("import no_such_module", "test_other")
    result = traces.run("--continue-on-collection-errors")

    assert outcomes(result) == {"passed": 1, "errors": 1}
    result.stdout.no_fnmatch_line("*no test uses*")


@pytest.mark.load
def test_it_is_not_told_where_all_are_used(traces: Project) -> None:
    traces.test(ONE + ONE.replace("one", "two").replace(")\n\n", ")\n") + EACH)
    result = traces.run()

    result.stdout.no_fnmatch_line("*no test uses*")


def test_the_trace_of_a_further_session_is_its_test_s(project: Project) -> None:
    project.test(
        """
@pytest.mark.trace("fork.jsonl")
def test_fork():
    with Session.sync(**OPTIONS) as session:
        session.ask("How warm is Paris?")
        with session.fork("f0rk") as other:
            other.ask("Thank you.")
"""
    )
    model = ScriptedModel(
        call("weather", {"city": "Paris"}, reasoning="I look it up."), "It is warm.", "Bye."
    )
    trace = project.path / "fork.jsonl"
    with Session.sync(model=model, tools=[weather], trace=trace) as session:
        session.ask("How warm is Paris?")
        with session.fork("f0rk") as other:
            other.ask("Thank you.")
    result = project.run()

    assert project.files() == {"fork.jsonl", "fork-f0rk.jsonl"}
    assert outcomes(result) == {"passed": 1}
    result.stdout.no_fnmatch_line("*no test uses*")


@pytest.mark.load
@pytest.mark.timeout(300)  # three processes of pytest's, which wait for each other
def test_workers_record_side_by_side_and_say_together_what_is_unused(project: Project) -> None:
    project.trace("traces/unused.jsonl")
    numbered = ONE.replace("one.jsonl", "same.jsonl").replace("test_one(", "test_{n}(")
    project.test("\n".join(numbered.replace("{n}", str(n)) for n in range(6)) + ONE)
    recorded = project.run_apart("-n", "2", "--trace-mode=refresh")

    assert outcomes(recorded) == {"passed": 7}
    assert project.files() == {"traces/unused.jsonl", "traces/same.jsonl", "traces/one.jsonl"}
    recorded.stdout.fnmatch_lines(
        [
            *("*traces recorded*", "traces/one.jsonl", "traces/same.jsonl"),
            *("*traces that no test uses*", "traces/unused.jsonl"),
        ]
    )
    replayed = project.run_apart("-n", "2")
    assert outcomes(replayed) == {"passed": 7}
