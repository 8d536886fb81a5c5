"""What is a conversation? A session, a person, and the messages and commands between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio

from toolrun.cli.screen import WARNING
from toolrun.errors import ToolrunError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolrun.answer import Answer
    from toolrun.cli.about import ToolLine
    from toolrun.cli.chat.face import Face
    from toolrun.cli.log import Mask
    from toolrun.config import Config
    from toolrun.runtime import Runtime
    from toolrun.session import Session
    from toolrun.stream import EventStream


class Conversation:
    """A session of a person's; it knows no terminal. See `Talk`.

    Args:
        face: where it is held.
        config: its settings.
        mask: hides secrets in what is shown.

    Attributes:
        runtime: what its sessions share, once it is open.
        session: the one that is talked in, once it is open.
        tools: what the model may call.
    """

    runtime: Runtime
    session: Session

    def __init__(self, face: Face, config: Config, mask: Mask) -> None:
        self.face = face
        self.config = config
        self.mask = mask
        self.tools: list[ToolLine] = []
        self._stream: EventStream | None = None

    @property
    def running(self) -> bool:
        """Whether a turn runs."""
        return self._stream is not None

    async def hold(self) -> int:
        """Talk until the person leaves.

        Raises:
            ConfigError, ToolDefinitionError: a setting or a tool does not fit.
            ServerError: no server answers, or not like this.
        """
        # The packages take half a second; the keyboard is not to wait for them.
        await anyio.to_thread.run_sync(_import_all)
        try:
            await self._open()
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
        if command is None or not command.at_once:
            return False
        await self._obey(typed)
        return True

    def stop(self, reason: str = "") -> bool:
        """See `Talk.stop`."""
        if self._stream is None:
            return False
        self.session.cancel(reason)
        return True

    def complete(self, typed: str) -> Iterable[tuple[str, str]]:
        """See `Talk.complete`."""
        from toolrun.cli.chat.commands.registry import completions

        return completions(self, typed)

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
        except ToolrunError as error:
            self.face.say(self.mask.text(str(error)), WARNING)
            return None

    async def begin(self, id: str | None = None, **options: Any) -> None:  # noqa: A002 - as sessions have
        """Go on in a new session."""
        await self._follow(self.runtime.session(id, **options))

    async def reopen(self, id: str | None = None, **options: Any) -> None:  # noqa: A002 - as above
        """Go on in this session with other options, or in another one that is kept."""
        wanted = id or self.session.id
        if wanted == self.session.id:
            await self.session.aclose()
        self.session = await self.runtime.resume(wanted, **options)

    async def _open(self) -> None:
        from toolrun.cli.about import may_touch, server_name, tool_lines
        from toolrun.cli.kept import store_url
        from toolrun.cli.load_tools import load_tools
        from toolrun.cli.options import session_options
        from toolrun.runtime import Runtime

        config = self.config
        tools = load_tools(config.tools, config)
        self.tools = tool_lines(tools, config)
        server = await server_name(config)
        options = {**session_options(config), "tools": tools, "store": store_url(config)}
        self.runtime = Runtime(**options)
        self.session = await self.runtime.session().__aenter__()
        where = self.mask.text(", ".join(config.base_urls))
        self.face.say(f"{config.model} on {where} ({server})")
        self.face.say(f"tools: {', '.join(map(str, self.tools)) or 'none'}")
        self.face.say(f"sandbox {may_touch(self.tools, config)}")
        self.face.say("/help lists the commands; Ctrl-C stops a turn, Ctrl-D leaves")

    async def _follow(self, session: Session) -> None:
        """Talk in another session from now on; the one before is closed once that is open."""
        before, self.session = self.session, await session.__aenter__()
        await before.aclose()
        self.face.again()

    async def _close(self) -> None:
        if hasattr(self, "session"):
            await self.session.aclose()
        if hasattr(self, "runtime"):
            await self.runtime.aclose()

    async def _take(self, said: str) -> bool:
        """A message or a command; False to leave."""
        if said.startswith("/"):
            return await self._obey(said)
        if said:
            await self.turn(self.session.stream(said))
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
                        self.face.show(event)
        finally:
            self._stream = None
        assert stream.answer is not None
        return stream.answer


def _import_all() -> None:
    """Import what a session needs, so that it comes at once where it is asked for."""
    import toolrun.models.door
    import toolrun.session  # noqa: F401
