"""How does a new session begin where another one stands?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from msgspec import structs

from toolrun.errors import ConfigError
from toolrun.events import Durable, ForkedFrom
from toolrun.options import Options, check_options
from toolrun.sandbox.resolve import over
from toolrun.state import retold
from toolrun.trace.header import beside
from toolrun.trace.recording import Recording
from toolrun.tracing import as_new
from toolrun.values import differing, holding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toolrun.journal import Journal
    from toolrun.parts import Parts


def forked(journal: Journal, tools: Sequence[Mapping[str, Any]]) -> list[Durable]:
    """The events that a fork of a session begins with, after its SessionOpened.

    Args:
        journal: of the session.
        tools: of the fork; approvals of those that are others here do not go with it.
    """
    state = journal.state
    copies = retold(state)
    standing = holding(state.standing, differing(state.tools, tools))
    fork = ForkedFrom(journal.session, journal.seq, len(copies), tuple(standing))
    return [fork, *copies]


def options_of_fork(parts: Parts, own: Options, id: str, changed: Options) -> Options:  # noqa: A002 - what users call it
    """The options of a fork: those of its session, but for what is said to differ.

    Args:
        parts: of the session.
        own: its options.
        id: of the fork.
        changed: what shall differ.

    Raises:
        ConfigError: an option does not fit; the fork shall write to the session's trace.
    """
    mine: Options = {"instructions": parts.settings.instructions}
    if (profile := changed.get("profile")) is not None:
        mine["profile"] = over(parts.settings.profile, profile)
        changed = cast("Options", {**changed, **mine})
    whole = cast("Options", {**own, **mine, **changed, "messages": ()})
    check_options(whole)
    _trace(parts.trace_path, id, whole, is_said="trace" in changed)
    return whole


def _trace(mine: Path | None, id: str, whole: Options, *, is_said: bool) -> None:  # noqa: A002 - what users call it
    """See that a fork's trace is another file than its session's, which is being written."""
    recording = Recording.of(whole.get("trace"))
    if recording is None or recording.path is True or mine is None:
        return
    path = Path(recording.path)
    if not is_said:
        whole["trace"] = structs.replace(as_new(recording), path=beside(path, id))
    elif path.resolve() == mine.resolve() and (mine.is_file() or not mine.exists()):
        raise ConfigError(
            f"trace: {str(path)!r} is this session's own, which a fork would overwrite; give "
            "another file, or none: it is then written beside"
        )
