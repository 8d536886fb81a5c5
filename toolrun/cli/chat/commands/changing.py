"""How does a person change the model, how long it reasons, and what it was told at the start?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from toolrun.cli.chat.commands.command import Command, words
from toolrun.cli.chat.commands.words import nearest, one_of
from toolrun.cli.chat.stopping import stoppable
from toolrun.errors import ConfigError, ServerError

if TYPE_CHECKING:
    from toolrun.cli.chat.conversation import Conversation
    from toolrun.config import Config
    from toolrun.options import Settings

EFFORTS: Final = ("low", "medium", "high")
_DEFAULT: Final = "default"


def settings_now(talk: Conversation) -> Settings:
    """The settings of the session that is open."""
    from toolrun.resuming import settings_of

    return settings_of(talk.session.state)


async def served_here(talk: Conversation) -> list[str] | None:
    """The models that the server has; None where the person stopped that.

    Raises:
        ServerError: no server answers.
    """
    served: list[str] = []

    async def look() -> None:
        served.extend(await _served(talk.config))

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
    now, served = settings_now(talk).model, await served_here(talk)
    if served is None:
        return
    if not rest:
        from toolrun.cli.chat.view.blocks import table

        rows = [(each, "this one" if each == now else "") for each in served]
        talk.face.put(table(rows, title="models that are served"))
        if now not in served:
            talk.face.say(f"the model of this session, {now}, is not among them")
        return
    check_served(rest, served)
    if rest == now:
        talk.face.say(f"the model is {now} already")
        return
    await talk.reopen(model=rest)
    talk.face.say(f"the model is {rest} from now on; what was said goes with it")


async def _served(config: Config) -> list[str]:
    """The models of the first server that answers.

    Raises:
        ServerError: none does.
    """
    from toolrun.models.door import Door

    failed: ServerError | None = None
    for url in config.base_urls:
        door = Door(url, api_key=config.api_key)
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
        summary="the models that the server has, or go on with another",
        usage="[NAME]",
        more=(
            "The conversation goes on with the other model as it is; the server's cache of the "
            "prompt does not. The server is asked what it has."
        ),
        examples=("/model", "/model openai/gpt-oss-120b"),
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
