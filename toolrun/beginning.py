"""How does a turn begin: with what a user says, or where the one before it stopped?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolrun.ending import close_calls, end_left
from toolrun.errors import ConfigError
from toolrun.events import UserMessage
from toolrun.output import Output
from toolrun.transcript import check_text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from toolrun.journal import Journal
    from toolrun.running import Running


class Beginning:
    """Begins the turns of a session.

    Args:
        journal: of the session.
        running: the turn that it runs, if any.

    Attributes:
        output: what the answer of the turn has to be, where something was asked for.
    """

    def __init__(self, journal: Journal, running: Running) -> None:
        self.output: Output | None = None
        self._journal = journal
        self._running = running

    def saying(self, text: str, output: Any) -> Callable[[], Awaitable[None]]:
        """What begins a turn with a message of the user's.

        Raises:
            ConfigError: the text cannot be sent, `output` has no schema.
        """
        text = check_text(text)
        asked = None if output is None else Output(output)

        async def begin() -> None:
            # A turn that was parked and is not taken up again leaves no call without a result.
            self._journal.cut()
            if self._left_running:
                await end_left(self._journal)
            await close_calls(self._journal, "the user went on without it")
            self.output = asked
            await self._journal.record(UserMessage(text, asked.schema if asked else None))

        return begin

    def going_on(self, output: Any) -> Callable[[], Awaitable[None]]:
        """What goes on with a turn that stopped before its answer; raises ConfigError for none.

        Raises:
            ConfigError: `output` has no schema.
        """
        asked = None if output is None else Output(output)

        async def begin() -> None:
            finished = self._journal.state.finished
            ended = finished is None or finished.status == "finished"
            if ended and not self._left_running:
                raise ConfigError("there is no turn to go on with; ask something")
            self.output = asked or self.output or self._output_asked()

        return begin

    @property
    def _left_running(self) -> bool:
        """Whether a turn has not ended whose process has, or whose end could not be stored."""
        left = self._journal.resumed or self._running.unended
        return left and self._journal.state.running

    def _output_asked(self) -> Output | None:
        """What the turn's answer has to be, of a turn that another session began."""
        state = self._journal.state
        said = state.transcript[state.turn_from]
        return Output(said.output) if isinstance(said, UserMessage) and said.output else None
