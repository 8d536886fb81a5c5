"""How does a conversation become a file, and a file a conversation?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from toolrun.cli.chat.commands.command import Command
from toolrun.cli.chat.commands.paths import cleared, complete, may_write, same, there
from toolrun.cli.chat.commands.paths import named as named_file
from toolrun.cli.chat.stopping import stoppable
from toolrun.errors import ConfigError
from toolrun.trace.shown import counted

if TYPE_CHECKING:
    from pathlib import Path

    from toolrun.cli.chat.conversation import Conversation
    from toolrun.events import Event

_SAVE: Final = "/save FILE.md, FILE.json or FILE.jsonl"
_LOAD: Final = "/load FILE.json or FILE.jsonl"
_REPLAY: Final = "/replay FILE.jsonl"
_MOST: Final = 64 << 20
"""Bytes of a file of messages: more is none that a person talks on with."""


async def _save(talk: Conversation, rest: str) -> None:
    path = named_file(rest, _SAVE)
    if path.suffix not in (".md", ".json", ".jsonl"):
        raise ConfigError(
            f"{path}: the name says what is written: {_SAVE} (for people, as OpenAI messages, as a "
            "trace)"
        )
    if not talk.session.state.transcript:
        raise ConfigError("nothing was said yet: there is nothing to save")
    if same(talk.session.trace_path, path):
        raise ConfigError(f"{path} is the trace that is being written: it has everything")
    if not await may_write(talk, path):
        return
    if path.suffix == ".jsonl":
        await _save_trace(talk, path)
    elif path.suffix == ".json":
        _write(path, msgspec.json.format(msgspec.json.encode(talk.session.messages())) + b"\n")
    else:
        from toolrun.trace.behaviour import behaviour_of
        from toolrun.trace.markdown import markdown

        store = await talk.runtime.store()
        events = await store.read(talk.session.id)
        _write(path, talk.mask.text(markdown(behaviour_of(events))).encode(errors="replace"))
    talk.face.say(f"saved to {path}: {counted(len(talk.session.state.transcript), 'message')}")


def _write(path: Path, content: bytes) -> None:
    """Write a file that only this person may read, in the place of what is there.

    Raises:
        ConfigError: it cannot be written.
    """
    import os

    # Anew: one that is there may be open to others, or be a link that leads elsewhere.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        with os.fdopen(os.open(cleared(path), flags, 0o600), "wb") as file:
            file.write(content)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error


async def _save_trace(talk: Conversation, path: Path) -> None:
    """Write a trace of all that the store has: the session's own sink does it, and redacts."""
    before = talk.session.trace_path
    await talk.reopen(trace=cleared(path))
    await talk.reopen(trace=before)


async def _load(talk: Conversation, rest: str) -> None:
    from toolrun.cli.chat.sessions.showing import show_again

    path = there(rest, _LOAD)
    messages = loaded(path)
    before = talk.session.id
    used = bool(talk.session.state.transcript)
    # Whoever wrote the file has said what the model is told at the start, if they did.
    own = any(each.get("role") in ("system", "developer") for each in messages)
    await talk.begin(messages=messages, **({"instructions": None} if own else {}))
    show_again(talk, await talk.keeping.read(talk.session.id))
    back = f"; /resume {before} goes back" if used else ""
    count = counted(len(talk.session.state.transcript), "message")
    talk.face.say(f"a new session, {talk.session.id}, begins with {count} of {path}{back}")


def loaded(path: Path) -> list[dict[str, Any]]:
    """The messages in a file: a list of them, an object that has one, or a trace.

    Raises:
        ConfigError: it holds none.
        TraceError: it is a trace, and damaged.
    """
    if path.suffix == ".jsonl" or path.name.endswith(".jsonl.gz"):
        from toolrun.state import fold
        from toolrun.trace.reader import read_trace
        from toolrun.transcript import to_openai

        state = fold(read_trace(path).events)
        return to_openai(state.transcript, instructions=state.settings.get("instructions"))
    try:
        if path.stat().st_size > _MOST:
            raise ConfigError(f"{path} has more than {_MOST >> 20} MiB")
        found = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} is no JSON: {error}; {_LOAD}") from error
    messages = found.get("messages") if isinstance(found, dict) else found
    if not isinstance(messages, list) or not all(isinstance(each, dict) for each in messages):
        raise ConfigError(
            f'{path} holds no messages: a list such as [{{"role": "user", "content": "Hello"}}] '
            'fits, or {"messages": [...]}'
        )
    return messages


async def _replay(talk: Conversation, rest: str) -> None:
    import anyio

    from toolrun.cli.screen import TITLE
    from toolrun.events import SessionOpened, TurnFinished, TurnUndone
    from toolrun.trace.reader import read_trace

    path = there(rest, _REPLAY)
    trace = read_trace(path)
    talk.face.say(f"replay of {path}", TITLE)

    runs = False

    async def show() -> None:
        nonlocal runs
        for event in filter(_is_whole, trace.events):
            talk.face.show(event)
            if event.durable:
                runs = not isinstance(event, SessionOpened | TurnFinished | TurnUndone)
            await anyio.lowlevel.checkpoint()

    whole = await stoppable(talk, show)
    if runs:  # else its calls would seem to run for ever
        talk.face.show(TurnFinished("cancelled", reason="the replay ends here"))
    end = "end of the replay" if whole else "the replay was stopped"
    talk.face.say(f"{end}; this is session {talk.session.id} again", TITLE)


def _is_whole(event: Event) -> bool:
    """Whether an event is no piece of one that comes whole."""
    from toolrun.events import ReasoningDelta, TextDelta

    return not isinstance(event, ReasoningDelta | TextDelta)


COMMANDS = (
    Command(
        name="/save",
        topic="Sessions and files",
        summary="write the conversation to a file: .md, .json or .jsonl",
        usage="FILE",
        more=(
            "FILE.md is for people, FILE.json are OpenAI messages with the reasoning, FILE.jsonl "
            "is a trace. A file that is there is written over only if you say so. Nobody else may "
            "read it."
        ),
        examples=("/save talk.md", "/save messages.json", "/save talk.jsonl"),
        run=_save,
        complete=complete,
    ),
    Command(
        name="/load",
        topic="Sessions and files",
        summary="begin a new session with the messages of a file",
        usage="FILE",
        more="FILE.json holds OpenAI messages, FILE.jsonl is a trace. This session is kept.",
        examples=("/load messages.json",),
        run=_load,
        complete=complete,
    ),
    Command(
        name="/replay",
        topic="Sessions and files",
        summary="show a recorded session here; nothing runs, nothing is sent",
        usage="FILE.jsonl",
        more="toolrun replay FILE plays it at its own pace, and checks it.",
        examples=("/replay talk.jsonl",),
        run=_replay,
        complete=complete,
    ),
)
