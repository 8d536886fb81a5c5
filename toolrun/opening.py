"""How does a session begin, and what may it be called?"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from toolrun.errors import ConfigError
from toolrun.events import ANOTHER_BACKEND, SessionOpened, SettingsChanged, Warned

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolrun.parts import Parts

LONGEST: Final = 200
"""Characters of the id of a session, and of the name of a tenant."""


def id_of(id: str | None) -> str:  # noqa: A002 - what users call it
    """The id of a session: a random one where none was given.

    Raises:
        ConfigError: it can be none.
    """
    return secrets.token_hex(8) if id is None else check_name(id, "id")


def check_name(name: Any, what: str) -> str:
    """A name that stores, traces and the environment of tools can hold.

    Args:
        name: of a session or a tenant.
        what: how an error calls it.

    Raises:
        ConfigError: it is no text of 1 to 200 characters, all of them printable.
    """
    if isinstance(name, str) and 0 < len(name) <= LONGEST and name.isprintable():
        return name
    if not isinstance(name, str):
        found = type(name).__name__
    else:
        found = f"{len(name)} characters" if len(name) > LONGEST else repr(name)
    raise ConfigError(f"{what} must be a text of 1 to {LONGEST} printable characters, not {found}")


async def open_new(parts: Parts) -> None:
    """Open a session that nothing was said in; it is in its store before anything happens.

    What it begins with, an imported transcript or what a fork repeats, is stored with its opening
    or not at all: no crash leaves half of it.

    Raises:
        SandboxUnavailable: no sandbox holds; nothing has run.
        ConfigError: a secret is not there; there is a session of that name.
        StoreError: it could not be stored.
    """
    journal = parts.journal
    await parts.secrets.check(parts.toolbox.tools)
    fallbacks = await parts.toolbox.prepare()
    opened = SessionOpened(
        parts.version,
        parts.date,
        parts.settings.as_dict(),
        parts.toolbox.schemas,
        parts.toolbox.on_crash if parts.on_crash is None else parts.on_crash,
    )
    if parts.stored is not None and parts.stored.lease is None:
        await parts.stored.create()
    async with journal.at_once():
        await journal.record(opened)
        for fallback in fallbacks:
            journal.report(Warned(ANOTHER_BACKEND, fallback))
        for event in parts.history:
            await journal.record(event)
    journal.cut()
    if parts.teller is not None:
        parts.teller.skip(journal.seq)


async def open_again(parts: Parts, changed: Callable[[Parts], dict[str, Any]]) -> None:
    """Open a session that another process has left.

    Args:
        parts: of the session; its journal has taken up what happened.
        changed: gives the settings that are others than they were, as JSON values.

    Raises:
        SandboxUnavailable, ConfigError, StoreError: as `open_new`.
        Exception: what `changed` raises.
    """
    journal = parts.journal
    settings = changed(parts)
    await parts.secrets.check(parts.toolbox.tools)
    fallbacks = await parts.toolbox.prepare()
    if settings:
        await journal.record(SettingsChanged(settings))
    for fallback in fallbacks:
        journal.report(Warned(ANOTHER_BACKEND, fallback))
