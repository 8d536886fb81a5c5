"""How does a person change the model, how long it reasons, and what it was told at the start?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import structs

from toolrun.cli.chat.commands.command import Command, words
from toolrun.cli.chat.commands.words import nearest, one_of
from toolrun.cli.chat.stopping import stoppable
from toolrun.embedded import EMBEDDED, NANO, WHAT, is_embedded
from toolrun.errors import ConfigError, ServerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.cli.chat.conversation import Conversation
    from toolrun.options import Settings

EFFORTS: Final = ("low", "medium", "high")
_DEFAULT: Final = "default"


def settings_now(talk: Conversation) -> Settings:
    """The settings of the session that is open."""
    from toolrun.resuming import settings_of

    return settings_of(talk.session.state)


async def served_here(talk: Conversation, urls: Sequence[str] | None = None) -> list[str] | None:
    """The models that the server has; None where the person stopped that.

    Args:
        talk: who is asked.
        urls: of the servers; those of the session where None.

    Raises:
        ServerError: no server answers.
    """
    served: list[str] = []

    async def look() -> None:
        served.extend(await _served(urls or talk.config.base_urls, talk.config.api_key))

    if await stoppable(talk, look):
        return served
    talk.face.say("stopped; the model is as it was")
    return None


def check_served(name: str, served: list[str]) -> None:
    """Refuse a model that the server has not.

    Raises:
        ConfigError: it has not.
    """
    if name not in served:
        names = ", ".join(served) or "none"
        raise ConfigError(f"no model {name!r} is served{nearest(name, served)}; there are {names}")


async def _model(talk: Conversation, rest: str) -> None:
    now, home = settings_now(talk), _home(talk)
    try:
        served = await served_here(talk, home)
    except ServerError:
        if rest != NANO:
            raise
        served = []
    if served is None:
        return
    embedded = is_embedded(home) or NANO not in served
    if not rest:
        _list(talk, served, now.model)
    elif rest == now.model:
        talk.face.say(f"the model is {rest} already")
    elif rest == NANO and embedded:
        await _move(talk, rest, EMBEDDED)
    else:
        check_served(rest, served)
        await _move(talk, rest, home)


async def _move(talk: Conversation, name: str, base_url: str | Sequence[str]) -> None:
    """Go on with another model, of another server perhaps."""
    from toolrun.cli.about import server_name

    before = talk.config.base_url
    if is_embedded(base_url):
        await server_name(structs.replace(talk.config, model=name, base_url=EMBEDDED))
    one = base_url if isinstance(base_url, str) or len(base_url) > 1 else base_url[0]
    await talk.reopen(model=name, base_url=one)
    if is_embedded(before) or is_embedded(base_url):
        talk.meter.server = await server_name(talk.config)
        talk.face.status(talk.meter.status())
    what = f"{WHAT}, " if is_embedded(base_url) else ""
    talk.face.say(f"the model is {name} from now on, {what}what was said goes with it")


def _list(talk: Conversation, served: Sequence[str], now: str) -> None:
    """The models that one can go on with."""
    from toolrun.cli.chat.view.blocks import table

    rows = [(each, "this one" if each == now else "") for each in served]
    talk.face.put(table(rows, title="models that are served"))
    if NANO not in served:
        this = ", this one" if now == NANO else ""
        talk.face.say(f"{NANO}: {WHAT}; it needs no server{this}")
    elif now not in served:
        talk.face.say(f"the model of this session, {now}, is not among them")


def _home(talk: Conversation) -> tuple[str, ...]:
    """The servers that the conversation began with, whatever its session has now."""
    urls = talk.runtime.option("base_url") or talk.config.base_urls
    return (urls,) if isinstance(urls, str) else tuple(urls)


async def _served(urls: Sequence[str], api_key: str | None) -> list[str]:
    """The models of the first server that answers.

    Raises:
        ServerError: none does.
    """
    from toolrun.models.door import Door

    failed: ServerError | None = None
    for url in urls:
        if is_embedded(url):
            return [NANO]
        door = Door(url, api_key=api_key)
        try:
            return await door.models()
        except ServerError as error:
            failed = failed or error
        finally:
            await door.aclose()
    assert failed is not None
    raise failed


async def _effort(talk: Conversation, rest: str) -> None:
    now = settings_now(talk).effort
    if not rest:
        said = now or "the server's default, which is medium"
        talk.face.say(f"effort: {said}; /effort low, medium, high or default changes it")
        return
    effort = one_of(rest, (*EFFORTS, _DEFAULT), "effort")
    await talk.reopen(effort=None if effort == _DEFAULT else effort)
    talk.face.say(f"effort: {effort} from the next message on")


async def _system(talk: Conversation, rest: str) -> None:
    from toolrun.cli.chat.view.blocks import Block

    now = settings_now(talk).instructions
    match rest:
        case "":
            if now is None:
                talk.face.say("there is no system text; /system TEXT sets one, /system edit too")
            else:
                talk.face.put(Block("text", now, title="system text"))
        case "clear":
            await _instruct(talk, None)
        case "edit":
            text = await talk.face.edit(now or "")
            if text is None:
                talk.face.say("the system text is as it was")
            else:
                await _instruct(talk, text.strip() or None)
        case _:
            await _instruct(talk, rest)


async def _instruct(talk: Conversation, text: str | None) -> None:
    await talk.reopen(instructions=text)
    if text is None:
        talk.face.say("no system text from the next message on")
    else:
        talk.face.say(f"system text of {len(text):,} characters from the next message on")


COMMANDS = (
    Command(
        name="/model",
        topic="Model",
        summary="the models that there are, or go on with another",
        usage="[NAME]",
        more=(
            "The conversation goes on with the other model as it is; the server's cache of the "
            "prompt does not. The server is asked what it has; nano is the toy that comes with "
            "toolrun, and needs none."
        ),
        examples=("/model", "/model openai/gpt-oss-120b", "/model nano"),
        run=_model,
    ),
    Command(
        name="/effort",
        topic="Model",
        summary="how long the model reasons",
        usage="[low|medium|high|default]",
        more="It is part of the prompt's beginning: the server's cache of it is lost once.",
        examples=("/effort high", "/effort"),
        run=_effort,
        complete=words(*EFFORTS, _DEFAULT),
    ),
    Command(
        name="/system",
        topic="Model",
        summary="show, set, edit or clear what the model is told at the start",
        usage="[TEXT|edit|clear]",
        more="edit opens it in your editor ($VISUAL, $EDITOR).",
        examples=("/system Answer in French.", "/system edit", "/system clear", "/system"),
        run=_system,
        complete=words("edit", "clear"),
    ),
)
