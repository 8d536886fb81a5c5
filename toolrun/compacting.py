"""How is a conversation made shorter because somebody asks for it, between two turns?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from toolrun.errors import ConfigError

if TYPE_CHECKING:
    from toolrun.events import Compacted
    from toolrun.parts import Parts


async def compacted(parts: Parts, keep_turns: int | None) -> Compacted | None:
    """Have the model summarise what lies before the last turns of a session.

    Args:
        parts: of the session, which runs no turn.
        keep_turns: that stay as they are; those of its `compaction` where None.

    Returns:
        What was done; None where a summary would not be shorter.

    Raises:
        ConfigError: it is no number of turns; the session may take no more steps.
        ServerError, ContextTooLong: the model gives no summary.
    """
    settings, journal = parts.settings, parts.journal
    state = journal.state
    keep = settings.compaction.keep_turns if keep_turns is None else keep_turns
    if keep < 0:
        raise ConfigError(f"keep_turns must be 0 or more, not {keep}")
    turn = parts.turn(settings.limits.meter(anyio.current_time), None, stream=False)
    limit = settings.budget.reached(state.usage)
    if limit is None and turn.teller is not None:
        limit = await turn.teller.reached(journal.session, state)
    if limit is not None:
        raise ConfigError(
            f"nothing was summarised: {limit.limit} = {limit.value:g} is spent, and a summary is a "
            "step of the model's"
        )
    if not keep and not _is_over(parts):
        keep = 1  # it may be gone on with: its calls and their results stay together
    if not await turn.sampler.summarise(journal, turn.request, keep):
        return None
    if turn.teller is not None:
        await turn.teller.tell(journal.session, state)
    return state.compactions[-1][1]


def _is_over(parts: Parts) -> bool:
    """Whether the last turn has its answer, or was taken back."""
    state = parts.journal.state
    return state.taken_back or (state.finished is not None and state.finished.status == "finished")
