"""How does a person go on in another session?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolrun.cli.chat.commands.command import Command

if TYPE_CHECKING:
    from toolrun.cli.chat.conversation import Conversation


async def _new(talk: Conversation, rest: str) -> None:
    before = talk.session.id
    if rest:
        await talk.keeping.check_free(rest)
    used = bool(talk.session.state.transcript)
    await talk.begin(rest or None)
    back = f"; /resume {before} goes back" if used else ""
    talk.face.say(f"a new session, {talk.session.id}{back}")


async def _resume(talk: Conversation, rest: str) -> None:
    from toolrun.cli.chat.sessions.taking_up import picked

    wanted = rest or await picked(talk)
    if wanted is not None and wanted == talk.session.id:
        await talk.reopen()  # it may have been closed where a change of its settings failed
    if wanted is None or wanted == talk.session.id:
        talk.face.say(f"this is still session {talk.session.id}")
        return
    await talk.reopen(wanted)


async def _title(talk: Conversation, rest: str) -> None:
    from toolrun.cli.chat.sessions.titles import call_it

    await call_it(talk, rest)


COMMANDS = (
    Command(
        name="/new",
        topic="Sessions and files",
        summary="begin a new session",
        usage="[ID]",
        more="The one before is kept; /resume goes back to it.",
        examples=("/new",),
        run=_new,
    ),
    Command(
        name="/resume",
        topic="Sessions and files",
        summary="go on with another session: pick one, or name it",
        usage="[ID]",
        examples=("/resume", "/resume 7b2f"),
        run=_resume,
    ),
    Command(
        name="/title",
        topic="Sessions and files",
        summary="what lists call this session; give it another title",
        usage="[TEXT]",
        more="Without a title it is called by the first words that were said in it.",
        examples=("/title Moving to the new API", "/title"),
        run=_title,
    ),
)
