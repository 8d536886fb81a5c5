"""Nothing answers: does the person want to talk to the embedded model instead?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import structs

from toolrun.cli.chat.face import Choice, Question
from toolrun.cli.chat.sessions.left import chosen, is_asked
from toolrun.cli.screen import WARNING
from toolrun.embedded import EMBEDDED, NANO, is_installed

if TYPE_CHECKING:
    from toolrun.cli.chat.conversation import Conversation
    from toolrun.config import Config
    from toolrun.errors import ServerUnreachable

_INSTEAD: Final = (
    Choice("y", "yes", "it runs in this process, calls tools, and knows nothing"),
    Choice("n", "no", "leave"),
)


async def offered(talk: Conversation, error: ServerUnreachable) -> Config | None:
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
