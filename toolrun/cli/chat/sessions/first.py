"""Which session does a conversation begin with, and is there a server for its model?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from toolrun.cli.chat.face import Row
from toolrun.cli.chat.sessions.its_tools import with_its_tools
from toolrun.cli.chat.sessions.left import is_asked
from toolrun.cli.chat.sessions.rows import at_home, last_of
from toolrun.cli.chat.sessions.start import PICK
from toolrun.cli.chat.sessions.taking_up import deployed, picked, taken_up
from toolrun.cli.screen import WARNING
from toolrun.errors import ConfigError, ModelNotFound, ServerError

if TYPE_CHECKING:
    from toolrun.cli.chat.conversation import Conversation
    from toolrun.cli.chat.sessions.start import Start
    from toolrun.session import Session


async def begun_with(talk: Conversation, start: Start) -> Session | None:
    """The session that is there and was asked for at the start; None where nobody wants one.

    Raises:
        ToolrunError: there is none, or it cannot be opened.
    """
    wanted = start.resume
    if start.last:
        here = Path.cwd()
        last = await last_of(talk.keeping, here)
        if last is None:
            raise ConfigError(f"there is no session in {talk.keeping.url} to go on with")
        info, glimpse = last
        wanted = info.id
        if glimpse.folder != str(here):
            whose = f", of {at_home(glimpse.folder)}" if glimpse.folder else ""
            talk.face.say(f"no session of this folder yet: this is the last one{whose}")
    elif wanted == PICK:
        wanted = await picked(talk)
    if wanted is None:
        return None
    options = await with_its_tools(talk, wanted, start.given)
    talk.deployed = deployed(options)
    return await taken_up(talk, wanted, **options)


async def see_to_model(talk: Conversation) -> str:
    """What serves the session's model; where that is not served any more, others are offered."""
    from toolrun.cli.about import server_name

    try:
        return await server_name(talk.config)
    except ModelNotFound as gone:
        talk.face.say(f"the model of this session, {talk.config.model}, is not served", WARNING)
        if not gone.available or not is_asked(talk):
            return f"serves {', '.join(gone.available) or 'nothing'}"
        rows = [Row(each) for each in gone.available]
        place = await talk.face.pick("which model shall it go on with?", rows)
        if place is None:
            return "without this model"
        await talk.reopen(model=gone.available[place])
        return await see_to_model(talk)
    except ServerError as error:
        talk.face.say(talk.mask.text(str(error)), WARNING)
        return "does not answer"
