"""How does a test hold a conversation? With a face that says what it is told to say."""

from __future__ import annotations

import contextlib
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from msgspec import structs

from toolrun.cli.chat.conversation import Conversation
from toolrun.cli.chat.sessions.start import Start
from toolrun.cli.log import Mask
from toolrun.cli.screen import NOTE, Style
from toolrun.config import Config

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from pathlib import Path

    from tests.rig.mock import MockServer
    from tests.rig.server import VllmServer
    from toolrun.cli.chat.face import Question, Row
    from toolrun.cli.chat.status import Status
    from toolrun.cli.chat.view.blocks import Block
    from toolrun.events import Event

ASKING = '''
from toolrun import tool

@tool(trusted=True, approve=True)
async def send(to: str, copies: int = 1) -> str:
    """Send a mail to somebody."""
    return f"sent {copies} to {to}"

@tool
def count(path: str) -> int:
    """Count the words of a file."""
    return len(open(path).read().split())
'''


class Stage:
    """A face without a screen: it keeps what it is shown, and a test gives its answers.

    Attributes:
        answers: what `ask` gives, in order; None where they have run out.
        edits: what the editor makes of a text, in order.
        picks: what is picked, in order.
        stops: what Ctrl-C does now.
    """

    asks = True

    def __init__(self) -> None:
        self.answers: list[str | None] = []
        self.edits: list[Callable[[str], str | None]] = []
        self.picks: list[int | None] = []
        self.said: list[str] = []
        self.styles: list[Style] = []
        self.blocks: list[Block] = []
        self.events: list[Event] = []
        self.questions: list[Question] = []
        self.folds: list[int | None] = []
        self.typed = ""
        self.begun = 0
        self.stops: list[Callable[[], bool]] = []
        self.turns: Callable[[], object] | None = None

    @property
    def text(self) -> str:
        """All that was said, and the texts of the blocks."""
        return "\n".join([*self.said, *(f"{each.title}\n{each.text}" for each in self.blocks)])

    def clear(self) -> None:
        """Forget what was shown."""
        for each in (self.said, self.styles, self.blocks, self.events, self.questions):
            each.clear()

    def show(self, event: Event) -> None:
        self.events.append(event)
        if self.turns is not None:
            self.turns()

    def say(self, text: str, style: Style = NOTE) -> None:
        self.said.append(text)
        self.styles.append(style)

    def put(self, block: Block) -> None:
        self.blocks.append(block)

    def status(self, status: Status) -> None:
        """Nothing shows it."""

    async def message(self) -> str | None:
        return None

    async def ask(self, question: Question) -> str | None:
        self.questions.append(question)
        return self.answers.pop(0) if self.answers else None

    async def pick(self, title: str, rows: Sequence[Row]) -> int | None:
        self.said += [title, *(row.title for row in rows)]
        return self.picks.pop(0) if self.picks else None

    async def edit(self, text: str, suffix: str = ".md") -> str | None:
        del suffix
        return self.edits.pop(0)(text) if self.edits else None

    @contextlib.contextmanager
    def turning(self, stop: Callable[[], bool]) -> Iterator[None]:
        self.stops.append(stop)
        try:
            yield
        finally:
            self.stops.pop()

    def stop(self) -> bool:
        """Press Ctrl-C."""
        return self.stops[-1]()

    def fold(self, number: int | None = None) -> None:
        self.folds.append(number)

    def prefill(self, text: str) -> None:
        self.typed = text

    def again(self) -> None:
        self.begun += 1

    async def run(self, talk: Any) -> int:
        """A test drives the conversation itself."""
        raise NotImplementedError


class Talking:
    """A conversation, and what is seen of it."""

    def __init__(self, talk: Conversation, face: Stage) -> None:
        self.talk = talk
        self.face = face

    async def __call__(self, typed: str) -> str:
        """Type something, and give what is seen of it."""
        self.face.clear()
        assert await self.talk._take(typed)
        return self.face.text

    @property
    def said(self) -> list[str | None]:
        """The texts of the transcript."""
        return [each.content for each in self.talk.session.transcript]


@asynccontextmanager
async def talking(
    server: MockServer | VllmServer,
    folder: Path,
    *,
    kept: bool = False,
    asked: bool = True,
    **settings: Any,
) -> AsyncIterator[Talking]:
    """A conversation with a server, in a folder of its own; in a database where it is kept.

    Args:
        server: which answers.
        folder: for tools and the database.
        kept: whether what is said is stored.
        asked: whether a person is there, and not a pipe.
        **settings: as toolrun.toml would have them.
    """
    (folder / "asking_tools.py").write_text(ASKING)
    store = f"sqlite:///{folder / 'sessions.db'}"
    config = Config(
        base_url=server.url, model=server.model, tools=(str(folder / "asking_tools.py"),)
    )
    config = structs.replace(config, store=store if kept else None, **settings)
    face = Stage()
    talk = Conversation(face, config, Mask([]), Start(keep=kept))
    with patch.object(sys.stdin, "isatty", lambda: asked):
        try:
            assert await talk._open()
            yield Talking(talk, face)
        finally:
            await talk._close()
