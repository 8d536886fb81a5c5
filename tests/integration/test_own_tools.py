"""Do the model's own tools work on a real vLLM: as functions, and on the analysis channel?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.test_fault_table import anyio_backend
from tests.rig.scripts import analysis, call, final
from toolrun import Session
from toolrun.models.harmony.vocabulary import load
from toolrun.tools.builtin import FolderSearch, browser, files, python, shell

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.rig.server import VllmServer
    from toolrun import Answer

__all__ = ["anyio_backend"]

CODE = "print(6 * 7)"
STOP = "<|call|>"


def own(recipient: str, text: str) -> str:
    """A call of a tool of the model's own, as it samples one in its chain of thought."""
    return f"<|channel|>analysis to={recipient} code<|message|>{text}{STOP}"


async def ask_directly(server: VllmServer, steps: Sequence[str], **options: Any) -> Answer:
    extra = {"vllm_xargs": {"harmony": json.dumps(steps)}, "return_token_ids": True}
    async with Session(
        base_url=server.url, model=server.model, via="harmony", extra_body=extra, **options
    ) as session:
        return await session.ask("What is six times seven?")


@pytest.mark.parametrize("arguments", [json.dumps({"code": CODE}), CODE], ids=["json", "raw"])
async def test_over_chat_completions_it_is_a_function(vllm: VllmServer, arguments: str) -> None:
    steps = (
        analysis("I compute.") + call("python", arguments),
        analysis("Computed.") + final("It is 42."),
    )
    extra = {"vllm_xargs": {"harmony": json.dumps(steps)}}
    async with Session(
        base_url=vllm.url, model=vllm.model, extra_body=extra, tools=[python()], via="chat"
    ) as session:
        answer = await session.ask("What is six times seven?")

    assert [(c.name, c.result and c.result.content) for c in answer.tool_calls] == [
        ("python", "42")
    ]
    assert answer.text == "It is 42."
    assert answer.reasoning == "I compute.\n\nComputed."


@pytest.mark.parametrize("stateful", [False, True], ids=["stateless", "stateful"])
async def test_over_harmony_its_code_is_raw_and_the_result_goes_back_on_analysis(
    vllm32: VllmServer,
    stateful: bool,  # noqa: FBT001
) -> None:
    steps = (
        analysis("I compute.") + own("python", "x = 6 * 7\nprint(x)"),
        analysis("Once more.") + own("python", "print(x + 1)"),
        analysis("Computed.") + final("It is 42."),
    )
    answer = await ask_directly(vllm32, steps, tools=[python(stateful=stateful)])

    first, second = (c.result for c in answer.tool_calls)
    assert first is not None
    assert second is not None
    assert json.loads(answer.tool_calls[0].arguments) == {"code": "x = 6 * 7\nprint(x)"}
    assert first.content == "42"
    assert second.content == "43" if stateful else "NameError" in second.content
    assert answer.text == "It is 42."
    said = _prompt(answer, 1)
    assert "<|channel|>analysis to=python code<|message|>x = 6 * 7\nprint(x)<|call|>" in said
    assert "<|start|>python to=assistant<|channel|>analysis<|message|>42<|end|>" in said
    assert "in one interpreter like a notebook's" in said if stateful else "of its own" in said


PATCH = """*** Begin Patch
*** Update File: greet.py
@@ def greet():
-    return "Hi"
+    return "Hello\\tyou"
*** Add File: notes/new.txt
+One "line".
*** End Patch"""


@pytest.mark.parametrize(
    "arguments",
    [
        json.dumps({"patch": PATCH}),
        json.dumps({"patch": PATCH}).replace("\\n", "\n"),  # its lines as they are
        PATCH,  # as the reference implementation takes it
    ],
    ids=["escaped", "lines as they are", "bare"],
)
async def test_a_patch_of_many_lines_is_applied_and_taken_back(
    vllm: VllmServer, tmp_path: Path, arguments: str
) -> None:
    before = 'def greet():\n    return "Hi"\n'
    (tmp_path / "greet.py").write_text(before)
    steps = (
        analysis("I change it.") + call("apply_patch", arguments),
        analysis("I look.") + call("shell", json.dumps({"command": "cat greet.py notes/new.txt"})),
        analysis("Changed.") + final("It says Hello."),
    )
    async with Session(
        base_url=vllm.url,
        model=vllm.model,
        extra_body={"vllm_xargs": {"harmony": json.dumps(steps)}},
        tools=[files(approve=False), shell(approve=False)],
        workspace=tmp_path,
        via="chat",
    ) as session:
        answer = await session.ask("Make it say Hello.")
        patched, shown = (each.result for each in answer.tool_calls)
        await session.undo()

    assert patched is not None
    assert patched.content == "greet.py: changed\nnotes/new.txt: created, 1 line"
    assert shown is not None
    assert shown.content == 'def greet():\n    return "Hello\\tyou"\nOne "line".'
    assert answer.text == "It says Hello."
    assert (tmp_path / "greet.py").read_text() == before
    assert not (tmp_path / "notes").exists()


async def test_over_harmony_a_patch_is_a_function_and_bare_all_the_same(
    vllm32: VllmServer, tmp_path: Path
) -> None:
    (tmp_path / "greet.py").write_text('def greet():\n    return "Hi"\n')
    steps = (
        analysis("I change it.") + call("apply_patch", PATCH),
        analysis("Changed.") + final("It says Hello."),
    )
    answer = await ask_directly(vllm32, steps, tools=[files(approve=False)], workspace=tmp_path)

    (patched,) = (each.result for each in answer.tool_calls)
    assert patched is not None
    assert patched.content == "greet.py: changed\nnotes/new.txt: created, 1 line"
    assert (tmp_path / "notes/new.txt").read_text() == 'One "line".\n'
    assert "type apply_patch = (_: {" in _prompt(answer, 0)


async def test_over_harmony_it_browses_and_cites(vllm32: VllmServer, tmp_path: Path) -> None:
    (tmp_path / "museum.md").write_text("# The museum\nIt opens at nine.\n")
    steps = (
        analysis("I search.") + own("browser.search", '{"query":"museum"}'),
        analysis("I open.") + own("browser.open", '{"id":0}'),
        analysis("Read.") + final("It opens at nine 【1†L1】."),
    )
    answer = await ask_directly(vllm32, steps, tools=[browser(FolderSearch(tmp_path))])

    assert [c.name for c in answer.tool_calls] == ["browser_search", "browser_open"]
    assert answer.text == "It opens at nine 【1†L1】."
    (note,) = answer.annotations
    assert (note.url, note.title, note.lines) == ("folder:museum.md", "The museum", (1, 1))
    assert answer.text[note.start : note.end] == "【1†L1】"
    assert "<|start|>browser.open to=assistant<|channel|>analysis<|message|>[1] The museum" in (
        _prompt(answer, 2)
    )


def _prompt(answer: Answer, step: int) -> str:
    """What a step was sampled from: all that was rendered and sampled before it."""
    ids: list[int] = []
    for each in answer.steps[:step]:
        ids += [*(each.rendered_token_ids or ()), *(each.token_ids or ())]
    ids += answer.steps[step].rendered_token_ids or ()
    text: str = load().decode(ids)
    return text
