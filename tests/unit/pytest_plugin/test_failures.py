"""Does a failed test say what a person needs, and nothing of the inside of toolrun?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.pytest_plugin.conftest import outcomes

if TYPE_CHECKING:
    import pytest

    from tests.unit.pytest_plugin.conftest import Project


def failure(result: pytest.RunResult) -> str:
    """The text between the heads of the only failure and of the summary."""
    lines = result.outlines
    begin = next(n for n, line in enumerate(lines) if "= FAILURES =" in line) + 2
    end = next(n for n, line in enumerate(lines) if "= short test summary" in line)
    return "\n".join(lines[begin:end])


def test_a_difference_is_shown_after_what_was_said_up_to_it(project: Project) -> None:
    project.trace("paris.jsonl", "How warm is Paris?", "Thank you.")
    project.test(
        """
@pytest.mark.trace("paris.jsonl")
def test_it(toolrun_session):
    with toolrun_session.sync(**OPTIONS) as session:
        session.ask("How warm is Paris?")
        session.ask("Thanks.")
"""
    )
    result = project.run()

    assert outcomes(result) == {"failed": 1}
    shown = failure(result)
    assert shown.startswith(
        """test_it.py:10
>   session.ask("Thanks.")

    user       How warm is Paris?
    reasoning  (I look it up.)
    call       weather(city='Paris')
    result     20 C in Paris
    text       It is warm.
"""
    )
    assert shown.endswith(
        """E   The trace: paris.jsonl
E   To record it again: pytest --trace-mode=refresh 'test_it.py::test_it'"""
    )
    assert "'Thank you.'" in shown
    assert "'Thanks.'" in shown
    assert len(shown.splitlines()) <= 20
    assert "/toolrun/" not in shown


def test_it_is_shown_where_a_service_has_swallowed_it(project: Project) -> None:
    project.trace("paris.jsonl")
    project.test(
        """
@pytest.mark.trace("paris.jsonl")
def test_it(toolrun_session):
    try:
        with toolrun_session.sync(**OPTIONS) as session:
            session.ask("How cold is Paris?")
    except Exception:
        status = 500
    assert status == 200
"""
    )
    shown = failure(project.run())

    assert shown.startswith("test_it.py:13\n>   assert status == 200\n\n    user       How cold")
    assert "'How warm is Paris?'" in shown
    assert "E   The test itself ended with AssertionError: assert 500 == 200" in shown


def test_it_is_found_in_a_group(project: Project) -> None:
    project.trace("paris.jsonl")
    project.test(
        """
import anyio

@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["trio"])
@pytest.mark.trace("paris.jsonl")
async def test_it():
    async with Session(**OPTIONS) as session, anyio.create_task_group() as group:
        group.start_soon(session.ask, "How cold is Paris?")
"""
    )
    shown = failure(project.run())

    assert shown.startswith("test_it.py:12\n>   async with Session(**OPTIONS)")
    assert "'How warm is Paris?'" in shown
    assert "ExceptionGroup" not in shown


def test_a_difference_that_no_trace_of_the_test_has_is_shown_too(project: Project) -> None:
    """Of a replay that the test made itself."""
    path = project.trace("paris.jsonl")
    path.write_bytes(path.read_bytes().replace(b"How warm is", b"How cold is", 1))
    project.test(
        """
import anyio

def test_it():
    anyio.run(replay_trace, "paris.jsonl")
"""
    )
    shown = failure(project.run())

    assert "    user       How cold is Paris?" in shown
    assert "The trace:" not in shown
    assert "The test itself ended with" not in shown


def test_errors_that_come_of_each_other_are_no_endless_search(project: Project) -> None:
    project.test(
        """
def test_it():
    first, second = LookupError("first"), LookupError("second")
    second.__context__, first.__cause__ = first, second
    raise first
"""
    )
    result = project.run()

    assert outcomes(result) == {"failed": 1}
    result.stdout.fnmatch_lines(["*LookupError: first*"])


def test_an_assertion_of_ours_shows_what_was_said(project: Project) -> None:
    project.test(
        """
def test_it():
    with Session.sync(**OPTIONS) as session:
        answer = session.ask("How warm is Paris?")
    assert_called(answer, "weather", {"city": "Rome"})
"""
    )

    assert (
        failure(project.run())
        == """test_it.py:9
>   assert_called(answer, "weather", {"city": "Rome"})

    reasoning  (I look it up.)
    call       weather(city='Paris')
    result     20 C in Paris
    text       It is warm.

E   weather(city='Rome') was not called.
E   The calls were:
E     1. weather(city='Paris') -> '20 C in Paris'
E   The nearest, call 1, differs in:
E     city: was 'Paris', expected 'Rome'"""
    )


def test_other_failures_are_shown_as_ever(project: Project) -> None:
    project.trace("paris.jsonl")
    project.test(
        """
@pytest.mark.trace("paris.jsonl")
def test_it(toolrun_session):
    with toolrun_session.sync(**OPTIONS) as session:
        answer = session.ask("How warm is Paris?")
    assert answer.text == "It is cold."
"""
    )
    shown = failure(project.run())

    assert 'assert answer.text == "It is cold."' in shown
    assert "E       AssertionError: assert 'It is warm.' == 'It is cold.'" in shown


def test_reasoning_is_dim_on_a_terminal(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PY_COLORS", "1")
    project.test(
        """
def test_it():
    with Session.sync(**OPTIONS) as session:
        answer = session.ask("How warm is Paris?")
    assert_steps(answer, most=1)
"""
    )
    shown = failure(project.run("--color=yes"))

    assert "\x1b[2m    reasoning  (I look it up.)\x1b[0m" in shown
