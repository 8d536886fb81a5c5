"""`toolrun demo`: one session before a person's eyes, the proof, and the replay."""

from __future__ import annotations

import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from cyclopts import Parameter

from toolrun.cli.options import Common, SessionOptions, open_session, recording, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolrun.answer import Answer
    from toolrun.cli.narrate import Narrator
    from toolrun.config import Config
    from toolrun.models.proof import Proof

_PROMPT: Final = "How many words does notes.md have?"
_NOTES: Final = """# On thinking between calls

A model that calls a tool has a reason for the call.
If its reasoning does not come back with the result, the reason is forgotten.
"""


def demo(
    prompt: str = _PROMPT,
    /,
    *,
    options: SessionOptions | None = None,
    server_note: Annotated[
        str | None, Parameter(metavar="TEXT", help="What to say about the server at the start.")
    ] = None,
    common: Annotated[Any, Parameter(parse=False)] = None,
) -> int:
    """Run one session on your server, explained step by step, with proof and replay.

    Without --tools it has word_count, without --workspace a folder with one file, notes.md. Ends
    with 1 where the proof or the replay fails.

    Args:
        prompt: What to ask; it should need a tool.
        options: Of the session.
        server_note: What to say about the server.
        common: What every command has.
    """
    import anyio

    from toolrun.cli.options import prompt_of

    config, _ = settings(options, common or Common())
    text = prompt_of(prompt)
    with _workspace(config.workspace) as workspace:
        return anyio.run(_demo, _fitted(config, workspace), text, server_note)


def _fitted(config: Config, workspace: Path) -> Config:
    """The settings with what the demo needs: token ids for the proof, a tool, a workspace."""
    tools = config.tools or (str(Path(__file__).with_name("demo_tools.py")),)
    profile = config.profile if config.profile != "pure" else "workspace-ro"
    return msgspec.structs.replace(
        config,
        extra_body={"return_token_ids": True, **config.extra_body},
        workspace=workspace,
        profile=profile,
        tools=tools,
    )


@contextmanager
def _workspace(given: Path | None) -> Iterator[Path]:
    """The folder that was given, or one with a file to work on that goes away afterwards."""
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="toolrun-demo-") as folder:
        Path(folder, "notes.md").write_text(_NOTES, encoding="utf-8")
        yield Path(folder)


async def _demo(config: Config, prompt: str, note: str | None) -> int:
    from toolrun.cli.about import may_touch, server_name, tool_lines
    from toolrun.cli.load_tools import load_tools
    from toolrun.cli.narrate import Narrator
    from toolrun.cli.screen import Screen
    from toolrun.cli.watch import Interrupts, watch

    tools = load_tools(config.tools, config)
    lines = tool_lines(tools, config)
    server = await server_name(config)
    assert config.workspace is not None
    narrator = Narrator(Screen.of(sys.stdout), config.workspace)
    narrator.say(
        f"{config.model} on {', '.join(config.base_urls)} ({server})",
        *([note] if note else []),
        *(f"tool {each}: {each.description}" for each in lines),
        f"sandbox {may_touch(lines, config)}",
    )
    record = recording(config, config.trace or True)
    with Interrupts() as interrupts:
        async with open_session(config, tools=tools, trace=record) as session:
            try:
                turn = session.stream(prompt)
                answer = await watch(session, turn, narrator.show, interrupts, narrator.close)
            finally:
                narrator.close()
            path = session.trace_path
    assert path is not None
    proved = await _prove(config, answer, narrator)
    same = await _replay(path, narrator)
    narrator.close()
    return 0 if answer.status == "finished" and proved and same else 1


async def _prove(config: Config, answer: Answer, narrator: Narrator) -> bool:
    from toolrun.errors import ServerError
    from toolrun.models.door import Door
    from toolrun.models.proof import prove_reasoning

    title = "The proof: is the reasoning of step 1 in the prompt that step 2 was sampled from?"
    if len(answer.steps) < 2 or not answer.steps[0].reasoning:  # noqa: PLR2004
        narrator.say(title, "There is nothing to prove: no step with reasoning called a tool.")
        return False
    door = Door(config.base_urls[0], api_key=config.api_key)
    try:
        proof = await prove_reasoning(door, config.model, *answer.steps[:2])
    except ServerError as error:
        narrator.say(title, f"It could not be proved: {error}")
        return False
    finally:
        await door.aclose()
    narrator.say(title, *_told(proof))
    return proof.found


def _told(proof: Proof) -> list[str]:
    if not proof.found:
        return [
            f"NO. It is not among the {proof.prompt_tokens:,} tokens of that prompt.",
            f"Compared: {proof.how}.",
            f"The prompt ends with: {proof.excerpt}",
        ]
    last = proof.position + proof.tokens - 1
    return [
        (
            f"YES: all {proof.tokens} tokens of it, in the analysis channel, as tokens "
            f"{proof.position} to {last} of {proof.prompt_tokens:,}."
        ),
        f"Compared: {proof.how}.",
        f"There the prompt reads: {proof.excerpt}",
    ]


async def _replay(path: Path, narrator: Narrator) -> bool:
    from toolrun.cli.replay import replayed

    verdict, same = await replayed(path)
    narrator.say(
        "The replay: the same session from its trace, without any server, model or tool",
        f"{verdict[0].upper()}{verdict[1:]}.",
        f"The trace is {path}",
        f"See it again: toolrun replay {path}",
    )
    return same
