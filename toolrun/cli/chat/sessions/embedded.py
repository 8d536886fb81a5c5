"""Nothing answers: does the person want to talk to the embedded model instead?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import structs

from toolrun.cli.chat.face import Choice, Question
from toolrun.cli.chat.sessions.left import chosen, is_asked
from toolrun.cli.screen import WARNING
from toolrun.embedded import EMBEDDED, NANO, is_installed
from toolrun.errors import ServerUnreachable

if TYPE_CHECKING:
    from toolrun.cli.chat.conversation import Conversation
    from toolrun.config import Config

_INSTEAD: Final = (
    Choice("y", "yes", "it runs in this process, calls tools, and knows nothing"),
    Choice("n", "no", "leave"),
)


async def answering(talk: Conversation, options: dict[str, Any]) -> str:
    """What answers; where nothing does, the embedded model, if the person wants it.

    Args:
        talk: who is asked; its settings and its runtime are others where they want it.
        options: of the runtime.

    Raises:
        ServerError: nothing answers, or not like this.
    """
    from toolrun.cli.about import server_name
    from toolrun.runtime import Runtime

    try:
        return await server_name(talk.config)
    except ServerUnreachable as error:
        if (toy := await _offered(talk, error)) is None:
            raise
        talk.config = toy
        given = {"model": toy.model, "base_url": toy.base_url}
        talk.runtime = Runtime(**{**options, **given})
        return await server_name(toy)


async def _offered(talk: Conversation, error: ServerUnreachable) -> Config | None:
    """The settings with the embedded model; None where nobody is there who wants it.

    Args:
        talk: who is asked.
        error: why there is no other.
    """
    if not is_asked(talk) or not is_installed():
        return None
    talk.face.say(talk.mask.text(str(error)), WARNING)
    question = Question("talk to toolrun-nano instead, the toy that comes with toolrun?", _INSTEAD)
    if await chosen(talk, question) != "yes":
        return None
    return structs.replace(talk.config, model=NANO, base_url=EMBEDDED)
