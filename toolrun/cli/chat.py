"""`toolrun chat`: a conversation, line by line, with a model that has tools."""

from __future__ import annotations

import difflib
import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import Parameter

from toolrun.cli.options import Common, SessionOptions, open_session, settings
from toolrun.events import TurnFinished

if TYPE_CHECKING:
    from toolrun.answer import Answer
    from toolrun.cli.about import ToolLine
    from toolrun.cli.keyboard import Keyboard, Pipe
    from toolrun.cli.log import Mask
    from toolrun.cli.watch import Interrupts
    from toolrun.config import Config
    from toolrun.events import Event
    from toolrun.session import Session
    from toolrun.stream import EventStream

_COMMANDS: Final = {
    "/help": "this list",
    "/tools": "the tools, and where each of them runs",
    "/usage": "the tokens of this session",
    "/trace": "where the trace is written",
    "/exit": "leave; so do Ctrl-D, and Ctrl-C twice",
}


def chat(
    *,
    options: SessionOptions | None = None,
    common: Annotated[Any, Parameter(parse=False)] = None,
) -> int:
    """Talk with a model that has tools. Ctrl-C stops a turn, Ctrl-D leaves.

    Args:
        options: Of the session.
        common: What every command has.
    """
    import anyio

    config, mask = settings(options, common or Common())
    return anyio.run(_chat, config, mask)


async def _chat(config: Config, mask: Mask) -> int:
    from toolrun.cli.about import may_touch, server_name, tool_lines
    from toolrun.cli.keyboard import reader
    from toolrun.cli.load_tools import load_tools
    from toolrun.cli.watch import Interrupts

    tools = load_tools(config.tools)
    lines = tool_lines(tools, config)
    touches = may_touch(lines, config)
    server = await server_name(config)
    source = reader()
    with Interrupts(source.interrupt) as interrupts:
        async with open_session(config, tools=tools) as session:
            conversation = _Conversation(session, config, lines, source, mask)
            conversation.welcome(server, touches)
            await conversation.hold(interrupts)
    return 0


class _Conversation:
    """A session, a person, and the screen between them."""

    def __init__(
        self,
        session: Session,
        config: Config,
        tools: list[ToolLine],
        reader: Keyboard | Pipe,
        mask: Mask,
    ) -> None:
        from toolrun.cli.render import Renderer
        from toolrun.cli.screen import Screen

        self._session = session
        self._config = config
        self._tools = tools
        self._reader = reader
        self._mask = mask
        self._screen = Screen.of(sys.stdout)
        self._renderer = Renderer(self._screen, self._screen)

    def welcome(self, server: str, touches: str) -> None:
        """Say what this is: model, server, tools and what they may touch."""
        config = self._config
        where = self._mask.text(", ".join(config.base_urls))
        self._say(f"{config.model} on {where} ({server})")
        self._say(f"tools: {', '.join(map(str, self._tools)) or 'none'}")
        self._say(f"sandbox {touches}")
        self._say("/help lists the commands; Ctrl-C stops a turn, Ctrl-D leaves")

    async def hold(self, interrupts: Interrupts) -> None:
        """Read and answer until the person leaves."""
        from toolrun.cli.keyboard import leaves

        prompt = "\u276f " if self._screen.unicode else "> "
        while (line := await leaves(self._reader, prompt, self._say)) is not None:
            said = line.strip()
            if said.startswith("/"):
                if not self._command(said):
                    return
            elif said:
                await self._turn(said, interrupts)
            if interrupts.terminated:
                return

    async def _turn(self, text: str, interrupts: Interrupts) -> None:
        """Run a turn to its end; what it meets is shown, and the conversation goes on."""
        from toolrun.cli.screen import WARNING
        from toolrun.cli.watch import watch
        from toolrun.errors import ToolrunError

        stream: EventStream = self._session.stream(text)
        try:
            while True:
                answer = await watch(
                    self._session, stream, self._show, interrupts, self._renderer.interrupted
                )
                if answer.status != "parked":
                    return
                if not await self._decides(answer):
                    self._say("left undecided; your next message goes on without it")
                    return
                stream = self._session.stream_on()
        except ToolrunError as error:
            self._screen.line(WARNING, self._mask.text(str(error)))
        finally:
            self._renderer.close()

    async def _decides(self, answer: Answer) -> bool:
        """Ask the person about the calls that wait; False where one is left undecided."""
        from toolrun.cli.approval import decide
        from toolrun.cli.exits import Interrupted

        where = {each.name: each.where for each in self._tools}
        try:
            return await decide(self._session, answer.pending, self._reader, self._screen, where)
        except Interrupted:
            return False

    def _show(self, event: Event) -> None:
        if not (isinstance(event, TurnFinished) and event.status == "parked"):  # is asked instead
            self._renderer.show(event)

    def _command(self, typed: str) -> bool:
        """Obey a command; False to leave."""
        name = typed.split(maxsplit=1)[0]
        match name:
            case "/exit":
                return False
            case "/help":
                for each, what in _COMMANDS.items():
                    self._say(f"{each:<8} {what}")
            case "/tools":
                for tool in self._tools:
                    self._say(f"{tool}: {tool.description}")
                if not self._tools:
                    self._say("none; give some with --tools FILE")
            case "/usage":
                usage = self._session.state.usage
                self._say(
                    f"{usage.prompt_tokens:,} prompt tokens ({usage.cached_tokens:,} cached), "
                    f"{usage.completion_tokens:,} completion tokens"
                )
            case "/trace":
                path = self._session.trace_path
                self._say(str(path) if path else "none; --trace FILE writes one")
            case _:
                near = difflib.get_close_matches(name, _COMMANDS, n=1, cutoff=0.7)
                hint = f"did you mean {near[0]}?" if near else "/help lists them"
                self._say(f"no command {name}; {hint}")
        return True

    def _say(self, text: str) -> None:
        from toolrun.cli.screen import NOTE

        self._screen.line(NOTE, text)
