"""`toolrun demo`: one session before a person's eyes, the proof, and the replay."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from cyclopts import Parameter

from toolrun.cli.options import Common, SessionOptions, open_session, recording, settings
from toolrun.embedded import is_embedded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolrun.cli.narrate import Narrator
    from toolrun.config import Config
    from toolrun.models.harmony.model import HarmonyModel

_PROMPT: Final = (
    "Think of a secret number and tell nobody. Count the words of notes.md. "
    "Then call reveal with your number."
)
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
    """Run one session, explained step by step, with proof and replay.

    Its model is the embedded one, a toy with real wiring that needs no server (toolrun[embedded]),
    unless a server is named: --base-url, TOOLRUN_BASE_URL, or base_url in toolrun.toml. Without
    --tools it has word_count and reveal, without --workspace a folder with one file, notes.md.
    Ends with 1 where the proof or the replay fails.

    Args:
        prompt: What to ask; it should need a tool.
        options: Of the session.
        server_note: What to say about the server.
        common: What every command has.
    """
    import anyio

    from toolrun.cli.options import prompt_of

    config, _ = settings(options, common or Common(), embedded=True)
    text = prompt_of(prompt)
    with _workspace(config.workspace) as workspace:
        return anyio.run(_demo, _fitted(config, workspace), text, server_note)


def _fitted(config: Config, workspace: Path) -> Config:
    """The settings with what the demo needs: token ids for the proof, a tool, a workspace."""
    tools = config.tools or (str(Path(__file__).with_name("demo_tools.py")),)
    profile = config.profile if config.profile != "pure" else "workspace-ro"
    body = {} if is_embedded(config.base_url) else {"return_token_ids": True}
    return msgspec.structs.replace(
        config,
        extra_body={**body, **config.extra_body},
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
    from toolrun.cli.demo_proof import prove, without
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
        *_asked(config, server),
        *([note] if note else []),
        *(f"tool {each}: {each.description}" for each in lines),
        f"sandbox {may_touch(lines, config)}",
    )
    embedded = _embedded(config)
    more: dict[str, Any] = {"tools": tools, "trace": recording(config, config.trace or True)}
    if embedded is not None:
        more["model"] = embedded
    with Interrupts() as interrupts:
        async with open_session(config, **more) as session:
            try:
                turn = session.stream(prompt)
                answer = await watch(session, turn, narrator.show, interrupts, narrator.close)
            finally:
                narrator.close()
            path = session.trace_path
    assert path is not None
    proved = await prove(config, embedded, answer, narrator)
    if embedded is not None:
        await without(config, embedded, session, narrator)
    same = await _replay(path, narrator)
    narrator.say("What it took", *narrator.figures())
    narrator.close()
    return 0 if answer.status == "finished" and proved and same else 1


def _asked(config: Config, server: str) -> list[str]:
    """Who is sampled: a heading, and what is to be known of it."""
    if not is_embedded(config.base_url):
        return [f"{config.model} on {', '.join(config.base_urls)} ({server})"]
    return [
        server,
        "It has the architecture and the vocabulary of gpt-oss, and nine million parameters that",
        "have learned to call tools and to read results. It knows nothing: judge no agent by it.",
        "It is sampled in this process. There is no server, no GPU and no download.",
    ]


def _embedded(config: Config) -> HarmonyModel | None:
    if not is_embedded(config.base_url):
        return None
    from toolrun.models.nano.sampler import nano

    return nano()


async def _replay(path: Path, narrator: Narrator) -> bool:
    from toolrun.cli.replay import replayed

    verdict, same = await replayed(path)
    narrator.say(
        "The replay: the same session from its trace, without any server, model or tool",
        f"{verdict[0].upper()}{verdict[1:]}.",
        f"The trace is {path}",
        f"See it again: {_command()} replay {path}",
    )
    return same


def _command() -> str:
    """How to type toolrun here, where it may lie in an environment that is not on the PATH."""
    if shutil.which("toolrun") is not None:
        return "toolrun"
    return f"{os.path.relpath(sys.executable)} -m toolrun"
