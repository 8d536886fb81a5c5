"""What is there to see: the commands, the tools, what was used, what is folded?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolrun.cli.chat.commands.command import TOPICS, Command
from toolrun.cli.chat.commands.words import nearest, nothing_more
from toolrun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from toolrun.cli.chat.conversation import Conversation
    from toolrun.limits import Prices
    from toolrun.state import State


async def _help(talk: Conversation, rest: str) -> None:
    from toolrun.cli.chat.commands.registry import COMMANDS
    from toolrun.cli.chat.view.blocks import Block, table

    if not rest:
        for topic in TOPICS:
            found = [each for each in COMMANDS.values() if each.topic == topic]
            talk.face.put(table([(each.name, each.summary) for each in found], title=topic))
        talk.face.say("/help NAME says more of one, with an example")
        return
    name = f"/{rest.removeprefix('/')}"
    command = COMMANDS.get(name)
    if command is None:
        raise ConfigError(f"no command {name}{nearest(name, [*COMMANDS]) or '; /help lists them'}")
    examples = "\n".join(f"  {each}" for each in command.examples)
    said = f"{command.summary[0].upper()}{command.summary[1:]}."
    text = "\n\n".join(part for part in (said, command.more, f"For example:\n{examples}") if part)
    talk.face.put(Block("text", text, title=f"{command.name} {command.usage}".rstrip()))


def _names(talk: Conversation, rest: str) -> Iterable[str]:  # noqa: ARG001 - as every command
    from toolrun.cli.chat.commands.registry import COMMANDS

    return [each.removeprefix("/") for each in COMMANDS]


async def _tools(talk: Conversation, rest: str) -> None:
    from toolrun.cli.chat.view.blocks import Block, table

    if not talk.tools:
        talk.face.say("the model has no tools; toolrun chat --tools FILE gives it some")
        return
    if not rest:
        rows = [(each.name, f"{each.where}{each.asks}", each.description) for each in talk.tools]
        talk.face.put(table(rows, ("tool", "where it runs", "what it does")))
        return
    schema = _schema(talk.session.state, rest)
    line = next((each for each in talk.tools if each.name == rest), None)
    if schema is None:
        names = [each.name for each in talk.tools]
        raise ConfigError(f"no tool {rest!r}{nearest(rest, names)}; there are {', '.join(names)}")
    where = f"Runs: {line.where}{line.asks}." if line is not None else ""
    text = "\n\n".join(
        (str(schema.get("description", "")), where, *_parameters(schema.get("parameters") or {}))
    )
    talk.face.put(Block("text", text, title=rest))


def _schema(state: State, name: str) -> dict[str, Any] | None:
    functions = (tool.get("function") or tool for tool in state.tools)
    return next((each for each in functions if each.get("name") == name), None)


def _parameters(schema: dict[str, Any]) -> Iterator[str]:
    """The parameters of a tool, a line each."""
    required = schema.get("required") or ()
    for name, each in (schema.get("properties") or {}).items():
        kind = each.get("type") or ("one of " + ", ".join(map(str, each.get("enum", ()))))
        said = f": {each['description']}" if each.get("description") else ""
        yield f"{name} ({kind}{'' if name in required else ', optional'}){said}"


def _tool_names(talk: Conversation, rest: str) -> Iterable[str]:  # noqa: ARG001 - as every command
    return [each.name for each in talk.tools]


async def _usage(talk: Conversation, rest: str) -> None:
    from toolrun.cli.chat.view.blocks import table

    nothing_more(rest, "/usage")
    length = await talk.session.context_length()
    talk.face.put(table(_used(talk.session.state, length, talk.config.prices)))


def _used(state: State, length: int | None, prices: dict[str, Prices]) -> Iterator[tuple[str, str]]:
    """What a session has used, each with its name."""
    from toolrun.events import AssistantMessage, UserMessage
    from toolrun.resuming import settings_of
    from toolrun.trace.shown import counted

    settings, usage = settings_of(state), state.usage
    steps = [each for each in state.transcript if isinstance(each, AssistantMessage)]
    turns = sum(isinstance(each, UserMessage) for each in state.transcript)
    calls = sum(len(each.tool_calls) for each in steps)
    parts = counted(turns, "turn"), counted(len(steps), "step"), counted(calls, "tool call")
    yield "conversation", ", ".join(parts)
    share = _share(usage.cached_tokens, usage.prompt_tokens)
    cached = f"{share} of them cached" if usage.cached_tokens else "none known to be cached"
    yield "prompt tokens", f"{usage.prompt_tokens:,}{f', {cached}' if usage.prompt_tokens else ''}"
    reasoned = f", {usage.reasoning_tokens:,} of them reasoning" if usage.reasoning_tokens else ""
    yield "completion tokens", f"{usage.completion_tokens:,}{reasoned}"
    used = steps[-1].usage.total_tokens if steps else 0
    if state.compactions and state.compactions[-1][0] == len(state.transcript):
        used = state.compactions[-1][1].after
    of = f" of {length:,} ({_share(used, length)})" if length else "; the server says no length"
    yield "context", f"{used:,} tokens{of}"
    budget, limits = settings.budget, settings.limits
    if (price := prices.get(settings.model) or budget.prices) is not None:
        most = f" of {budget.cost:g}" if budget.cost is not None else ""
        yield "cost", f"{price.cost(usage):.4f}{most}, by the prices of {settings.model}"
    else:
        yield "cost", f'no prices are set: [prices."{settings.model}"] in toolrun.toml'
    if budget.tokens is not None:
        share = _share(usage.total_tokens, budget.tokens)
        yield "budget", f"{usage.total_tokens:,} of {budget.tokens:,} tokens ({share})"
    seconds = "no end of time" if limits.seconds is None else f"{limits.seconds:g} s"
    yield "limits of a turn", f"{limits.steps} steps, {limits.tool_calls} tool calls, {seconds}"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "0%"


async def _fold(talk: Conversation, rest: str) -> None:
    nothing_more(rest, "/fold")
    talk.face.fold()


async def _show(talk: Conversation, rest: str) -> None:
    if not rest.isdigit():
        raise ConfigError("/show takes the number that stands at a folded block, such as /show 3")
    talk.face.fold(int(rest))


COMMANDS = (
    Command(
        name="/help",
        topic="Looking",
        summary="the commands, or more of one",
        usage="[NAME]",
        examples=("/help undo", "/help"),
        run=_help,
        at_once=True,
        complete=_names,
    ),
    Command(
        name="/tools",
        topic="Looking",
        summary="the tools, where each runs, and whether it asks",
        usage="[NAME]",
        more="With a name: its description and parameters, as the model sees them.",
        examples=("/tools", "/tools python"),
        run=_tools,
        at_once=True,
        complete=_tool_names,
    ),
    Command(
        name="/usage",
        topic="Looking",
        summary="tokens, cached share, cost, and how full the context is",
        more=(
            "The cost is there where toolrun.toml has prices of the model. What was taken back by "
            "/undo stays used."
        ),
        examples=("/usage",),
        run=_usage,
        at_once=True,
    ),
    Command(
        name="/fold",
        topic="Looking",
        summary="show the reasoning whole, or fold it again",
        examples=("/fold",),
        run=_fold,
        at_once=True,
    ),
    Command(
        name="/show",
        topic="Looking",
        summary="show a folded block whole, or fold it again",
        usage="NUMBER",
        more="The number stands at the block.",
        examples=("/show 3",),
        run=_show,
        at_once=True,
    ),
)
