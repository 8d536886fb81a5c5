"""How does `toolrun demo` show that the reasoning came back, and what it is good for?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolrun.events import AssistantMessage

if TYPE_CHECKING:
    from toolrun.answer import Answer
    from toolrun.cli.narrate import Narrator
    from toolrun.config import Config
    from toolrun.models.harmony.model import HarmonyModel
    from toolrun.models.proof import Proof
    from toolrun.session import Session
    from toolrun.transcript import Message

_TITLE = "The proof: is the reasoning of step 1 in the prompt that step 2 was sampled from?"
_STEPS = 2


async def prove(
    config: Config, embedded: HarmonyModel | None, answer: Answer, narrator: Narrator
) -> bool:
    """Show whether it is there: by the server's own tokens, or by those that were sampled here.

    Args:
        config: says where the server is.
        embedded: what was sampled instead of a server.
        answer: of the turn.
        narrator: shows it.
    """
    from toolrun.errors import ServerError

    if len(answer.steps) < _STEPS or not answer.steps[0].reasoning:
        narrator.say(_TITLE, "There is nothing to prove: no step with reasoning called a tool.")
        return False
    step, later = answer.steps[:_STEPS]
    try:
        if embedded is not None:
            proof = await embedded.prove(config.model, step, later)
        else:
            proof = await _by_the_server(config, step, later)
    except ServerError as error:
        narrator.say(_TITLE, f"It could not be proved: {error}")
        return False
    narrator.say(_TITLE, *_told(proof), *_exactly(step, later))
    return proof.found


async def _by_the_server(config: Config, step: AssistantMessage, later: AssistantMessage) -> Proof:
    from toolrun.models.door import Door
    from toolrun.models.proof import prove_reasoning

    door = Door(config.base_urls[0], api_key=config.api_key)
    try:
        return await prove_reasoning(door, config.model, step, later)
    finally:
        await door.aclose()


def _told(proof: Proof) -> list[str]:
    if not proof.found:
        return [
            f"NO. It is not among the {proof.prompt_tokens:,} tokens of that prompt.",
            f"Compared: {proof.how}.",
            f"The prompt ends with: {proof.excerpt}",
        ]
    last = proof.position + proof.tokens - 1
    return [
        (
            f"YES: all {proof.tokens} tokens of it, in the analysis channel, as tokens "
            f"{proof.position} to {last} of {proof.prompt_tokens:,}."
        ),
        f"Compared: {proof.how}.",
        f"There the prompt reads: {proof.excerpt}",
    ]


def _exactly(step: AssistantMessage, later: AssistantMessage) -> list[str]:
    """What direct sampling gives besides: the prompt goes on where the step before ended."""
    if step.token_ids is None or later.continues < step.usage.prompt_tokens + len(step.token_ids):
        return []
    before, said = step.usage.prompt_tokens, len(step.token_ids)
    told = f"it begins with the {before:,} tokens of step 1's prompt and the {said} sampled there"
    return [f"To the token: {told}."]


async def without(
    config: Config, model: HarmonyModel, session: Session, narrator: Narrator
) -> None:
    """Show what the model does at step 2 where the reasoning of step 1 did not come back.

    Args:
        config: of the session.
        model: that was sampled.
        session: whose turn is over.
        narrator: shows it.
    """
    from toolrun.models.model import Request

    opened, messages = session.state.opened, session.transcript
    spoken = [at for at, each in enumerate(messages) if isinstance(each, AssistantMessage)]
    if opened is None or len(spoken) < _STEPS:
        return
    at = spoken[1]
    # As those clients send it: all of the conversation, and no reasoning in it.
    request = Request(
        model.name,
        messages[:at],
        reasoning_from=at,
        instructions=config.instructions,
        tools=opened.tools,
        effort=config.effort,
        sampling=config.sampling,
        session=f"{session.id}-without",
        date=opened.date,
    )
    kept, dropped = _said(messages[at]), _said(await model.sample(request))
    narrator.say(
        "And if it had not come back? Step 2 again, without the reasoning of step 1",
        f"With it the model said: {kept}",
        f"Without it says:        {dropped}",
        "Clients that drop the reasoning get the second."
        if kept != dropped
        else "This time it makes no difference.",
    )


def _said(message: Message) -> str:
    """What the model does in a message: its calls, or its words."""
    assert isinstance(message, AssistantMessage)
    calls = [f"{call.name} {call.arguments}" for call in message.tool_calls]
    return ", ".join(calls) or message.content or "nothing"
