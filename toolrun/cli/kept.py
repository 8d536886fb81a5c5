"""In which store do the commands look, and which of its sessions are meant?"""

from __future__ import annotations

import os
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

from cyclopts import Group, Parameter

from toolrun.cli.options import Common, ToolOptions, settings
from toolrun.errors import ConfigError
from toolrun.store.contract import SessionStatus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from toolrun.config import Config
    from toolrun.decisions import Decision
    from toolrun.store.contract import Store

OfTenant: TypeAlias = Annotated[str | None, Parameter(help="Only those of this tenant.")]
OfStatus: TypeAlias = Annotated[
    tuple[SessionStatus, ...],
    Parameter(
        help="Only those whose last turn ended like this. May be repeated.", consume_multiple=False
    ),
]
STORE = Group("Store", sort_key=0)
_AGE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class StoreOptions:
    """Which store is meant."""

    store: Annotated[
        str | None,
        Parameter(
            group=STORE,
            metavar="URL",
            help=(
                "sqlite:///FILE or postgresql://USER@HOST/NAME; a SQLite file below your state "
                "folder by default."
            ),
        ),
    ] = None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class KeepOptions(StoreOptions):
    """Where a session is kept, or with which of them a command goes on."""

    id: Annotated[
        str | None,
        Parameter(group=STORE, help="Name of the new session; a random one by default."),
    ] = None
    resume: Annotated[
        str | None,
        Parameter(
            group=STORE,
            metavar="ID",
            help="Go on with this session: with PROMPT, or without one where it was stopped.",
        ),
    ] = None
    approve_call: Annotated[
        tuple[str, ...],
        Parameter(
            group=STORE,
            metavar="CALL",
            consume_multiple=False,
            help="With --resume: this call, which waits, is run. May be repeated.",
        ),
    ] = ()
    deny_call: Annotated[
        tuple[str, ...],
        Parameter(
            group=STORE,
            metavar="CALL",
            consume_multiple=False,
            help="With --resume: this call, which waits, is not run. May be repeated.",
        ),
    ] = ()
    reason: Annotated[
        str, Parameter(group=STORE, help="What the model is told of the calls that are denied.")
    ] = ""

    def check(self) -> None:
        """Refuse what cannot be meant together.

        Raises:
            ConfigError: says what.
        """
        if self.resume is not None and self.id is not None:
            raise ConfigError("--id names a new session; --resume goes on with one")
        if (self.approve_call or self.deny_call) and self.resume is None:
            raise ConfigError("--approve-call and --deny-call need --resume ID: whose calls?")
        if self.reason and not self.deny_call:
            raise ConfigError("--reason is for calls that --deny-call names")
        if both := set(self.approve_call) & set(self.deny_call):
            raise ConfigError(f"call {min(both)} is approved and denied")

    @property
    def decisions(self) -> dict[str, Decision]:
        """What is decided on calls that wait, by their ids."""
        from toolrun.decisions import Approve, Deny

        approved: dict[str, Decision] = dict.fromkeys(self.approve_call, Approve())
        return approved | dict.fromkeys(self.deny_call, Deny(self.reason))

    def url(self, config: Config) -> str | None:
        """Where the session is kept: where that is said, or a session is named."""
        named = self.id is not None or self.resume is not None
        return store_url(config) if named else config.store


def store_url(config: Config) -> str:
    """The URL of the store that the settings name; the default's file gets its folder."""
    return config.store or _default_url()


def _default_url() -> str:
    state = os.environ.get("XDG_STATE_HOME", "")
    base = Path(state) if Path(state).is_absolute() else Path.home() / ".local" / "state"
    folder = base / "toolrun"
    # What was said in sessions is nobody else's.
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return f"sqlite:///{folder / 'sessions.db'}"


@asynccontextmanager
async def opened(options: StoreOptions | None, common: Common | None) -> AsyncIterator[Store]:
    """The store that is meant, open; a SQLite file that is not there is not made.

    Raises:
        ConfigError: there is none; a setting does not fit.
        StoreError: it cannot be used.
    """
    from toolrun.store.opening import sql_store

    chosen = options or StoreOptions()
    config, _ = settings(ToolOptions(), common or Common(), store=chosen.store)
    url = store_url(config)
    _check_there(url)
    store = sql_store(url)
    try:
        await store.open()
        yield store
    finally:
        await store.aclose()


def _check_there(url: str) -> None:
    """Refuse a SQLite file that is not there: looking into one is no reason to make it."""
    path = url.partition("?")[0].removeprefix("sqlite:///")
    if url.startswith("sqlite:///") and path != ":memory:" and not Path(path).exists():
        raise ConfigError(
            f"there is no store {path}: `toolrun run --store URL` makes one, or name another with "
            "--store"
        )


def seconds_of(age: str, option: str) -> float:
    """How long a text such as 30d or 12h is: a number and one of s, m, h, d, w.

    Raises:
        ConfigError: it is none.
    """
    found = _AGE.fullmatch(age.strip().lower())
    if found is None:
        raise ConfigError(
            f"{option} {age}: no length of time; 30d fits, or a number with s, m, h, d or w"
        )
    return float(found[1]) * _SECONDS[found[2]]
