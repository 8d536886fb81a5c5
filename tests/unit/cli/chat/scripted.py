"""Who stands in for a person in a conversation? Somebody who says what is written down."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anyio

from toolrun.cli.chat.conversation import Conversation
from toolrun.cli.chat.sessions import embedded, first, left, taking_up
from toolrun.cli.chat.sessions.start import Start
from toolrun.cli.log import Mask
from toolrun.config import Config
from toolrun.events import AssistantMessage, UserMessage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    import pytest

    from toolrun.cli.chat.face import Question, Row, Talk
    from toolrun.cli.screen import Style
    from toolrun.events import Event


class Person:
    """A face without a screen. See `Face`.

    Args:
        says: messages and commands, in order; a function is called between two of them.
        answers: to the questions, in order: the word of a choice, a text, or None.
        picks: what is picked, in order.

    Attributes:
        told: the lines that were said.
        seen: the events that were shown.
        asked: the questions.
        offered: the rows that were picked from last.
        waits: whether there was something that Ctrl-C stops, by `stop`.
    """

    asks = True

    def __init__(
        self,
        *says: str | Callable[[], Awaitable[Any]],
        answers: Sequence[str | None] = (),
        picks: Sequence[int | None] = (),
    ) -> None:
        self.told: list[str] = []
        self.seen: list[Event] = []
        self.asked: list[Question] = []
        self.offered: Sequence[Row] = ()
        self.waits = anyio.Event()
        self.stop: Callable[[], bool] | None = None
        self._says = list(says)
        self._answers = list(answers)
        self._picks = list(picks)

    def show(self, event: Event) -> None:
        self.seen.append(event)

    def say(self, text: str, style: Style | None = None) -> None:
        self.told.append(text)

    def put(self, block: Any) -> None:
        self.told.append(block.text)

    def status(self, status: Any) -> None: ...

    async def message(self) -> str | None:
        while self._says:
            said = self._says.pop(0)
            if isinstance(said, str):
                return said
            await said()
        return None

    async def ask(self, question: Question) -> str | None:
        self.asked.append(question)
        return self._answers.pop(0)

    async def pick(self, title: str, rows: Sequence[Row]) -> int | None:
        self.offered = rows
        return self._picks.pop(0)

    async def edit(self, text: str, suffix: str = ".md") -> str | None: ...

    @contextmanager
    def turning(self, stop: Callable[[], bool]) -> Iterator[None]:
        self.stop = stop
        self.waits.set()
        yield

    def fold(self, number: int | None = None) -> None: ...

    def prefill(self, text: str) -> None:
        self._says.insert(0, text)

    def again(self) -> None:
        self.told.append("(a new screen)")
        self.seen.clear()

    async def run(self, talk: Talk) -> int:
        return await talk.hold()

    @property
    def text(self) -> str:
        """All that was said."""
        return "\n".join(self.told)

    @property
    def conversation(self) -> list[str]:
        """What was shown of what was said."""
        said = [each for each in self.seen if isinstance(each, UserMessage | AssistantMessage)]
        return [each.content or "" for each in said]


def there(patch: pytest.MonkeyPatch) -> None:
    """Have somebody be at the keyboard, which is none under pytest."""
    patch.setattr(left, "is_asked", lambda _: True)
    patch.setattr(taking_up, "is_asked", lambda _: True)
    patch.setattr(first, "is_asked", lambda _: True)
    patch.setattr(embedded, "is_asked", lambda _: True)


def talking(
    person: Person, base_url: str, *, start: Start | None = None, **config: Any
) -> Conversation:
    """A conversation of theirs."""
    settings = Config(model="openai/gpt-oss-20b", base_url=base_url, **config)
    return Conversation(person, settings, Mask([]), start or Start())
