"""What is a session called, and how does a person call it something else?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolrun.events import UserMessage
from toolrun.store.projection import title_of

if TYPE_CHECKING:
    from toolrun.cli.chat.conversation import Conversation
    from toolrun.state import State


def title(state: State) -> str:
    """What lists call a session: its title, else the beginning of what was said first."""
    given = state.settings.get("title")
    if given:
        return title_of(given)
    first = next((each for each in state.transcript if isinstance(each, UserMessage)), None)
    return "" if first is None else title_of(first.content)


async def call_it(talk: Conversation, text: str) -> None:
    """Give the open session a title, or say which it has."""
    if text:
        await talk.reopen(title=text)
        talk.face.say(f"this session is called {title(talk.session.state)!r} from now on")
    else:
        name = title(talk.session.state)
        talk.face.say(f"called {name!r}; /title TEXT changes that" if name else "without a title")
