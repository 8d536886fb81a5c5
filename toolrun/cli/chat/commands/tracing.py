"""Is the conversation recorded, where to, and how does one look at it?"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from toolrun.cli.chat.commands.command import Command
from toolrun.cli.chat.commands.paths import cleared, complete, may_write, named, same
from toolrun.cli.chat.commands.words import one_of
from toolrun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolrun.cli.chat.conversation import Conversation

_USAGE: Final = "/trace on FILE.jsonl, /trace off, or /trace view"


async def _trace(talk: Conversation, rest: str) -> None:
    word, _, more = rest.partition(" ")
    if not word:
        path = talk.session.trace_path
        talk.face.say(f"recorded to {path}" if path else f"nothing is recorded; {_USAGE}")
        return
    match one_of(word, ("on", "off", "view"), "what follows /trace"):
        case "on":
            await _on(talk, more)
        case "off":
            await _off(talk)
        case _:
            await _view(talk)


async def _on(talk: Conversation, rest: str) -> None:
    path = named(rest, _USAGE)
    if path.suffix != ".jsonl":
        raise ConfigError(f"{path}: a trace is called FILE.jsonl")
    if same(talk.session.trace_path, path):
        talk.face.say(f"recorded to {path} already")
        return
    if not await may_write(talk, path):
        return
    await talk.reopen(trace=cleared(path))
    talk.face.say(f"recorded to {talk.session.trace_path} from now on, with what was said so far")


async def _off(talk: Conversation) -> None:
    path = talk.session.trace_path
    if path is None:
        talk.face.say("nothing is recorded")
        return
    await talk.reopen(trace=None)
    talk.face.say(f"no longer recorded; {path} stays as it is")


async def _view(talk: Conversation) -> None:
    from toolrun.cli.trace_view import open_page
    from toolrun.trace.view.folder import write_file

    if not talk.session.state.transcript:
        raise ConfigError("nothing was said yet: there is nothing to look at")
    path = talk.session.trace_path
    if path is not None:
        page = write_file(path, None)
    else:
        with tempfile.TemporaryDirectory(prefix="toolrun-") as folder:
            lent = Path(folder) / f"{talk.session.id}.jsonl"
            await talk.reopen(trace=lent)
            await talk.reopen(trace=None)
            page = write_file(lent, None)
    talk.face.say(f"the conversation as a page: {page}")
    open_page(page.resolve().as_uri())


def _words(talk: Conversation, rest: str) -> Iterable[str]:
    if rest.startswith("on "):
        return complete(talk, rest)
    return () if " " in rest else ("on", "off", "view")


COMMANDS = (
    Command(
        name="/trace",
        topic="Looking",
        summary="where the conversation is recorded; begin, end, look at it",
        usage="[on FILE.jsonl|off|view]",
        more=(
            "A trace holds what was said and done so far, too, with secrets redacted. view makes a "
            "page of it, opens it in the browser where there is one, and says where it is."
        ),
        examples=("/trace on talk.jsonl", "/trace view", "/trace off", "/trace"),
        run=_trace,
        complete=_words,
    ),
)
