"""Which sink writes the trace of a session, and which secrets does it know of?"""

from __future__ import annotations

import contextlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from toolrun.errors import ConfigError
from toolrun.events import TRACE_STOPPED, Warned
from toolrun.known import Known
from toolrun.models.credentials import secrets_among
from toolrun.sandbox.resolve import load_profile, over, plain
from toolrun.trace.recording import GoingOn
from toolrun.trace.writer import TraceSink

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from toolrun.journal import Journal
    from toolrun.tools.definition import Tool
    from toolrun.tools.secrets import Secrets
    from toolrun.trace.recording import Recording


def trace_sink(
    path: Path,
    recording: Recording,
    journal: Journal,
    *,
    secrets: Iterable[str] = (),
    known: Sequence[Known] = (),
) -> TraceSink:
    """The sink for the trace of a journal, which has to be added to it.

    Where the file can't be written any further, the journal lets go of it and says so: a Warned
    event `TRACE_STOPPED`.

    Args:
        path: of the file.
        recording: what else there is to be known of it.
        journal: of the session.
        secrets: values that must not be written.
        known: further ones, of which more may become known in time.
    """

    def stopped(why: str) -> None:
        journal.remove(sink)
        journal.report_of_sink(Warned(TRACE_STOPPED, why))

    sink = TraceSink(
        path,
        session=journal.session,
        recording=recording,
        secrets=tuple(secrets),
        known=known,
        append=isinstance(recording, GoingOn),
        on_failure=stopped,
    )
    if isinstance(recording, GoingOn):
        sink.opened = recording.opened
    return sink


def secrets_of(
    values: Secrets,
    tools: Sequence[Tool],
    profile: str | dict[str, Any],
    headers: Mapping[str, str],
) -> Iterator[str]:
    """The secrets that a session may come to tell of.

    Args:
        values: those that its tools may declare.
        tools: of the session.
        profile: of its sandboxes, whose environment tools see, as they do that of their own.
        headers: sent to the server.
    """
    yield from values.known(tools)
    yield from secrets_among(headers)
    for chosen in (profile, *(over(profile, tool.options.profile) for tool in tools)):
        # What is wrong with a profile is said where the session opens.
        with contextlib.suppress(ConfigError):
            yield from secrets_among(_environment(plain(chosen, "of a tool")))


def known_of(model: object) -> Iterator[Known]:
    """What a model that was handed in sends to its server beside what is public."""
    for owner in (model, getattr(model, "sampler", None)):
        secrets = getattr(getattr(owner, "door", None), "secrets", None)
        if isinstance(secrets, Known):
            yield secrets


def _environment(profile: str | dict[str, Any]) -> dict[str, str]:
    """The variables of a profile; one that is a file of the user's may change."""
    encoded = msgspec.json.encode(profile)
    return (
        load_profile(profile).env if b"/" in encoded or b".toml" in encoded else _lasting(encoded)
    )


@lru_cache(maxsize=256)
def _lasting(profile: bytes) -> dict[str, str]:
    return load_profile(msgspec.json.decode(profile)).env
