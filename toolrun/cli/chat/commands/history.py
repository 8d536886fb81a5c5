"""How does a person change what was said: take it back, ask again, go on in a copy, shorten it?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import anyio
from msgspec import structs

from toolrun.cli.chat.commands.changing import EFFORTS, check_served, served_here, settings_now
from toolrun.cli.chat.commands.command import Command
from toolrun.cli.chat.commands.words import nothing_more, one_of, options
from toolrun.cli.screen import WARNING
from toolrun.errors import ConfigError, ToolrunError
from toolrun.trace.shown import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from toolrun.cli.chat.conversation import Conversation

_RETRY: Final = "/retry [--effort low|medium|high] [--temperature NUMBER] [--model NAME]"
_SHOWN: Final = 60


def _last_said(talk: Conversation) -> str:
    """What was asked last.

    Raises:
        ConfigError: nothing was.
    """
    state = talk.session.state
    if not state.turns_from:
        raise ConfigError("nothing was asked yet")
    return state.transcript[state.turn_from].content or ""


async def _take_back(talk: Conversation) -> str:
    """Take the last turn back and say what became of the files; gives what was asked."""
    state = talk.session.state
    paths = dict.fromkeys(each.path for each in state.changes[-1]) if state.changes else {}
    said = await talk.session.undo()
    talk.meter.take_up(talk.config, talk.session.state)
    talk.face.status(talk.meter.status())
    left = talk.session.state.left
    kept = {each.partition(": ")[0] for each in left}
    back = [path for path in paths if path not in kept]
    if back:
        talk.face.say(f"as before that turn: {', '.join(back)}")
    for each in left:
        talk.face.say(f"left as it is: {each}", WARNING)
    return said


async def _undo(talk: Conversation, rest: str) -> None:
    nothing_more(rest, "/undo")
    said = await _take_back(talk)
    first, *more = said.strip().split("\n", 1)
    cut = f"{first[:_SHOWN]}..." if len(first) > _SHOWN or more else first
    talk.face.say(f"taken back: {cut}")
    talk.face.prefill(said)


def _effort(text: str) -> str:
    return one_of(text, EFFORTS, "effort")


_RETRIED: Final[dict[str, Callable[[str], Any]]] = {
    "--effort": _effort,
    "--temperature": float,
    "--model": str,
}


async def _retry(talk: Conversation, rest: str) -> None:
    changed = options(rest, _RETRIED, _RETRY)
    _last_said(talk)
    if not changed:
        await talk.turn(talk.session.stream(await _take_back(talk)))
        return
    if (model := changed.get("model")) is not None:
        served = await served_here(talk)
        if served is None:
            return
        check_served(model, served)
    before = settings_now(talk)
    told = ", ".join(f"{name} {value}" for name, value in changed.items())
    if "temperature" in changed:
        temperature = changed.pop("temperature")
        changed["sampling"] = structs.replace(before.sampling, temperature=temperature)
    await talk.reopen(**changed)  # where that fails nothing was taken back
    talk.face.say(f"once more, with {told}")
    try:
        await talk.turn(talk.session.stream(await _take_back(talk)))
    finally:
        with anyio.CancelScope(shield=True):
            await _as_before(talk, {name: getattr(before, name) for name in changed})


async def _as_before(talk: Conversation, settings: dict[str, Any]) -> None:
    """Go back to settings that held before one turn."""
    try:
        await talk.reopen(**settings)
    except ToolrunError as error:
        names = " and ".join(settings)
        talk.face.say(f"{names} stay as they were for this turn: {error}", WARNING)


def _retry_words(talk: Conversation, rest: str) -> Iterable[str]:  # noqa: ARG001 - as every command
    before = rest.split()[-2 if not rest.endswith(" ") else -1 :]
    if before and before[0] == "--effort":
        return EFFORTS
    return tuple(_RETRIED)


async def _edit(talk: Conversation, rest: str) -> None:
    before = _last_said(talk)
    text = rest or await talk.face.edit(before)
    if text is None or not text.strip():
        talk.face.say("left as it was; /edit TEXT puts a text in its place without an editor")
        return
    message = await talk.meant(text.strip())
    if message is not None:  # else nothing is taken back
        await _take_back(talk)
        await talk.turn(talk.session.stream(message))


async def _fork(talk: Conversation, rest: str) -> None:
    from toolrun.cli.chat.sessions.showing import show_again

    before = talk.session.id
    copy = talk.session.fork(rest or None)
    await talk.follow(copy)
    if "trace" in talk.deployed:  # a copy's trace lies beside that of its session
        talk.deployed["trace"] = copy.trace_path
    show_again(talk, await talk.keeping.read(copy.id))
    talk.face.say(f"this is a copy, session {talk.session.id}; /resume {before} goes back")


async def _compact(talk: Conversation, rest: str) -> None:
    if rest and not rest.isdigit():
        raise ConfigError(
            f"/compact takes how many turns shall stay as they are, such as /compact 0, not {rest}"
        )
    keep = int(rest) if rest else None
    talk.face.say("the model summarises what was said; Ctrl-C stops it")
    done = None
    with talk.face.turning(lambda: _stopped(talk)):
        done = await talk.session.compact(keep_turns=keep)
    if done is None:
        talk.face.say(
            "nothing was summarised: what lies before the last turns is no longer than a summary "
            "would be; /compact 0 takes all turns in"
        )
        return
    talk.meter.show(done)
    talk.face.status(talk.meter.status())
    stay = len(talk.session.state.transcript) - done.covers
    talk.face.say(
        f"{counted(done.covers, 'message')} summarised, {stay} stay as they are: about "
        f"{done.before:,} tokens became {done.after:,}. The transcript keeps all of it"
    )


def _stopped(talk: Conversation) -> bool:
    talk.session.cancel()
    return True


async def _stop(talk: Conversation, rest: str) -> None:
    if not talk.stop(rest):
        talk.face.say("nothing runs")


async def _exit(talk: Conversation, rest: str) -> bool:  # noqa: ARG001 - as every command
    nothing_more(rest, "/exit")
    return False


COMMANDS = (
    Command(
        name="/stop",
        topic="Conversation",
        summary="stop the turn that runs; so does Ctrl-C",
        usage="[REASON]",
        more=(
            "What was said and done until then stays. The reason is for the trace; the model never "
            "reads it."
        ),
        examples=("/stop",),
        run=_stop,
        at_once=True,
    ),
    Command(
        name="/undo",
        topic="Conversation",
        summary="take the last turn back, with the files that it changed",
        more=(
            "What was asked stands on the input line again. Files of the workspace are as before "
            "the turn, but for those that somebody else has changed since; what tools did "
            "elsewhere stays done."
        ),
        examples=("/undo",),
        run=_undo,
    ),
    Command(
        name="/retry",
        topic="Conversation",
        summary="take the last turn back and ask the same again",
        usage=_RETRY.removeprefix("/retry "),
        more="An effort, a temperature or a model that is given holds for this one turn.",
        examples=("/retry --effort high", "/retry"),
        run=_retry,
        complete=_retry_words,
    ),
    Command(
        name="/edit",
        topic="Conversation",
        summary="change the last message and ask again",
        usage="[TEXT]",
        more=(
            "The message opens in your editor ($VISUAL, $EDITOR); TEXT takes its place without "
            "one. The last turn is taken back first, as /undo does."
        ),
        examples=("/edit", "/edit And in Celsius?"),
        run=_edit,
    ),
    Command(
        name="/fork",
        topic="Conversation",
        summary="go on in a copy of this session",
        usage="[ID]",
        more="The session itself stays as it is; /resume goes back to it.",
        examples=("/fork", "/fork another-way"),
        run=_fork,
    ),
    Command(
        name="/compact",
        topic="Conversation",
        summary="have the model summarise what lies before the last turns",
        usage="[TURNS]",
        more=(
            "The summary is sent in the place of what it covers; what you see, the store and "
            "/save keep all of it. TURNS stay as they are, 2 where none are given."
        ),
        examples=("/compact", "/compact 0"),
        run=_compact,
    ),
    Command(
        name="/exit",
        topic="Conversation",
        summary="leave; so do Ctrl-D, and Ctrl-C twice",
        examples=("/exit",),
        run=_exit,
    ),
)
