"""What is a conversation? A session, a person, and the messages and commands between them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio
from msgspec import structs

from toolrun.cli.chat.beginning import come_to_rest, import_all
from toolrun.cli.chat.meter import Meter
from toolrun.cli.chat.says.says import Says
from toolrun.cli.chat.sessions.start import Start
from toolrun.cli.screen import WARNING
from toolrun.errors import LeaseLost, ToolrunError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from toolrun.answer import Answer
    from toolrun.cli.about import ToolLine
    from toolrun.cli.chat.face import Face
    from toolrun.cli.chat.sessions.keeping import Keeping
    from toolrun.cli.load_tools import Offered
    from toolrun.cli.log import Mask
    from toolrun.config import Config
    from toolrun.events import Event
    from toolrun.runtime import Runtime
    from toolrun.session import Session
    from toolrun.stream import EventStream


_WARMING: Final = 2.0
"""Seconds that somebody who leaves waits for what was begun in the background."""


class Conversation:
    """A session of a person's; it knows no terminal. See `Talk`.

    Args:
        face: where it is held.
        config: its settings.
        mask: hides secrets in what is shown.
        start: the session to begin with.

    Attributes:
        config: the settings, those that the session has of its own included.
        runtime: what its sessions share, once it is open.
        session: the one that is talked in, once it is open.
        keeping: where its sessions are kept, once it is open.
        deployed: options that were given to the session, and that no session keeps.
        tools: what the model may call.
        meter: counts along, for the status line.
    """

    runtime: Runtime
    session: Session
    keeping: Keeping

    def __init__(self, face: Face, config: Config, mask: Mask, start: Start | None = None) -> None:
        self.face = face
        self.config: Config = config
        self.mask = mask
        self.tools: list[ToolLine] = []
        self.deployed: dict[str, Any] = {}
        self._start = start or Start()
        self.meter: Meter = Meter(prices=config.prices)
        self._says = Says(self)
        self._warming: asyncio.Task[None] | None = None
        self._stream: EventStream | None = None

    @property
    def running(self) -> bool:
        """Whether a turn runs, or a command of the person's."""
        return self._stream is not None or self._says.running

    async def hold(self) -> int:
        """Talk until the person leaves.

        Raises:
            ConfigError, ToolDefinitionError: a setting or a tool does not fit.
            ServerError: no server answers, or not like this.
        """
        # The packages take half a second; the keyboard is not to wait for them.
        await anyio.to_thread.run_sync(import_all)
        try:
            if not await self._open():
                return 0
            while (said := await self.face.message()) is not None:
                if not await self._take(said.strip()):
                    break
        finally:
            await self._close()
        return 0

    async def at_once(self, typed: str) -> bool:
        """See `Talk.at_once`."""
        from toolrun.cli.chat.commands.registry import command_of

        command = command_of(typed)
        if command is None or not command.at_once or not hasattr(self, "session"):
            return False
        await self._obey(typed)
        return True

    def stop(self, reason: str = "") -> bool:
        """See `Talk.stop`."""
        if self._stream is None:
            return self._says.stop()
        self.session.cancel(reason)
        return True

    def complete(self, typed: str) -> Iterable[tuple[str, str]]:
        """See `Talk.complete`."""
        from toolrun.cli.chat.commands.registry import completions

        return self._says.complete(typed) or completions(self, typed)

    async def turn(self, stream: EventStream) -> Answer | None:
        """Run a turn to its end, decisions included; what it raises is shown.

        Returns:
            its answer; None where it raised.
        """
        from toolrun.cli.chat.approving import decides

        try:
            while True:
                answer = await self._watched(stream)
                if answer.status != "parked" or not answer.pending:
                    return answer
                if not await decides(self, answer.pending):
                    self.face.say("left undecided; your next message goes on without it")
                    return answer
                stream = self.session.stream_on()
        except LeaseLost as error:
            from toolrun.cli.chat.sessions.taking_up import taken_away

            self.face.say(str(error), WARNING)
            await taken_away(self)
            return None
        except ToolrunError as error:
            self.face.say(self.mask.text(str(error)), WARNING)
            return None

    async def meant(self, said: str) -> str | None:
        """The message that is meant, with the files that it names; None: nothing is to be sent."""
        return await self._says.message(said)

    async def begin(self, id: str | None = None, **options: Any) -> None:  # noqa: A002 - as sessions have
        """Go on in a new session.

        Raises:
            ToolrunError: it cannot be opened; the one before goes on.
        """
        from toolrun.cli.chat.sessions.taking_up import deployed, shared

        if "tools" in self.deployed:  # they work on the folder of the session that had them
            options = {"workspace": self.config.workspace, **options}
        options = {**shared(self.deployed), **options}
        await self.follow(self.runtime.session(id, **options))
        self.deployed = deployed(options)

    async def reopen(self, id: str | None = None, *, adopt: bool = False, **options: Any) -> bool:  # noqa: A002 - as above
        """Go on in this session with other options, or in another one that is kept.

        Args:
            id: of the other.
            adopt: see `Runtime.resume`.
            **options: as a session takes them.

        Returns:
            False where the person left it, asked about what stands in the way.

        Raises:
            ToolrunError: it cannot be opened; the session goes on as it was.
        """
        from toolrun.cli.chat.sessions import left, showing, taking_up
        from toolrun.cli.chat.sessions.its_tools import with_its_tools

        if id is None or id == self.session.id:
            self.session = await taking_up.changed(self, adopt=adopt, **options)
            self.deployed |= taking_up.deployed(options)
            self._settle()
            return True
        options = {**taking_up.shared(self.deployed), **options}
        options = await with_its_tools(self, id, options)
        other = await taking_up.taken_up(self, id, adopt=adopt, **options)
        if other is None:
            return False
        self.deployed = taking_up.deployed(options)
        await self.follow(other)
        showing.show_again(self, await self.keeping.read(other.id))
        await left.offer(self)
        return True

    def show(self, event: Event) -> None:
        """Show an event of the turn that runs, but for what is asked or told of it next."""
        from toolrun.events import ApprovalRequested, TurnFinished

        match event:
            case ApprovalRequested() if self.face.asks:  # the question shows all of the call
                pass
            case TurnFinished(status="failed"):  # `turn` tells the error
                self.face.show(structs.replace(event, error=None))
            case _:
                self.face.show(event)
        self.meter.show(event)
        if self.meter.due():
            self.face.status(self.meter.status())

    async def _open(self) -> bool:
        """Open the session to begin with; False where the person picked none."""
        from toolrun.cli.chat.banner import welcome
        from toolrun.cli.chat.sessions import first, left, showing
        from toolrun.cli.chat.sessions.embedded import answering
        from toolrun.cli.chat.sessions.start import keeping_of
        from toolrun.cli.load_tools import load_tools
        from toolrun.cli.options import session_options
        from toolrun.runtime import Runtime

        config, start = self.config, self._start
        tools = load_tools(config.tools, config)
        self.keeping = keeping_of(start, config)
        options = {**session_options(config), "tools": tools, "folder": Path.cwd()}
        options["store"] = self.keeping
        self.runtime = Runtime(**options)
        if start.goes_on:
            found = await first.begun_with(self, start)
            if found is None:
                return False
            self.session = found
            self._settle()
            server = await first.see_to_model(self)
        else:
            if start.new is not None:
                await self.keeping.check_free(start.new)
            self._settle()
            server = await answering(self, options)
            self.session = await self.runtime.session(start.new).__aenter__()
        self._settle()
        for style, text in welcome(self.config, server, self.tools):
            self.face.say(self.mask.text(text), style)
        self.meter.server = server
        if start.goes_on:
            showing.show_again(self, await self.keeping.read(self.session.id))
            await left.offer(self)
        self._warming = asyncio.get_running_loop().create_task(self._warm())
        return True

    async def _warm(self) -> None:
        """Open the store while the person thinks of something to say."""
        await self.meter.measure(self.session)
        self.face.status(self.meter.status())
        await self.keeping.warm()
        come_to_rest()
        if self.keeping.failed is not None:
            self.face.say(f"nothing is kept: {self.mask.text(str(self.keeping.failed))}", WARNING)

    async def follow(self, session: Session) -> None:
        """Talk in another session from now on; the one before is closed once that is open."""
        before, self.session = self.session, await session.__aenter__()
        await before.aclose()
        self._settle()
        self.face.again()

    def _settle(self) -> None:
        """Take over the settings that the session has of its own."""
        from toolrun.cli.about import tool_lines
        from toolrun.cli.chat.sessions.taking_up import settled

        tools: Sequence[Offered] = self.deployed.get("tools", self.runtime.option("tools"))
        if hasattr(self, "session"):
            self.config = settled(self.config, self.session.state)
        self.tools = tool_lines(tools, self.config)
        self.meter.take_up(self.config, self.session.state if hasattr(self, "session") else None)
        self.face.status(self.meter.status())

    async def _close(self) -> None:
        if self._warming is not None:  # it asks the server: before its connections are closed
            _, left = await asyncio.wait({self._warming}, timeout=_WARMING)
            if left:
                self._warming.cancel()
                await asyncio.wait(left)
        if hasattr(self, "session"):
            await self.session.aclose()
        if hasattr(self, "runtime"):
            await self.runtime.aclose()
        if hasattr(self, "keeping"):
            await self.keeping.aclose()

    async def _take(self, said: str) -> bool:
        """A message or a command; False to leave."""
        if said.startswith("/") and not said.startswith("//"):
            return await self._obey(said)
        said = said.removeprefix("/")
        try:
            if said and (message := await self.meant(said)) is not None:
                await self.turn(self.session.stream(message))
        except ToolrunError as error:  # it cannot be sent; the conversation goes on
            self.face.say(self.mask.text(str(error)), WARNING)
        return True

    async def _obey(self, typed: str) -> bool:
        from toolrun.cli.chat.commands.registry import obey

        try:
            return await obey(self, typed)
        except ToolrunError as error:
            self.face.say(self.mask.text(str(error)), WARNING)
            return True

    async def _watched(self, stream: EventStream) -> Answer:
        self._stream = stream
        try:
            with self.face.turning(self.stop):
                async with stream as events:
                    async for event in events:
                        self.show(event)
        finally:
            self._stream = None
        await self.meter.measure(self.session)
        self.face.status(self.meter.status())
        assert stream.answer is not None
        return stream.answer
