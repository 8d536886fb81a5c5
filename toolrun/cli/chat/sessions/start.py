"""With which session does a conversation begin, and where is it kept?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from msgspec import Struct

from toolrun.cli.kept import STORE, StoreOptions
from toolrun.errors import ConfigError

if TYPE_CHECKING:
    from toolrun.cli.chat.sessions.keeping import Keeping
    from toolrun.config import Config

PICK = "\0"
"""What --resume is given where no id was typed: a list is shown to pick from."""


class Start(Struct, frozen=True):
    """What was asked for at the start.

    Attributes:
        new: the id of the new session; None: a random one.
        resume: the id of the session to go on with; `PICK`: one that is picked; None: none.
        last: whether to go on with the last one.
        keep: whether what is said is stored.
        store: the URL of the store that was asked for on the command line.
        given: the options that a session which is gone on with shall have from now on.
    """

    new: str | None = None
    resume: str | None = None
    last: bool = False
    keep: bool = True
    store: str | None = None
    given: dict[str, Any] = {}

    @property
    def goes_on(self) -> bool:
        """Whether it begins with a session that is there."""
        return self.last or self.resume is not None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ChatOptions(StoreOptions):
    """Where a conversation is kept, and with which one to begin."""

    resume: Annotated[
        str | None,
        Parameter(
            group=STORE, metavar="[ID]", help="Go on with this session; without ID pick one of all."
        ),
    ] = None
    last: Annotated[
        bool,
        Parameter(
            name=("--continue", "-c"),
            group=STORE,
            help="Go on with the last session of this folder, or else the last of all.",
        ),
    ] = False
    id: Annotated[
        str | None,
        Parameter(group=STORE, help="Name of the new session; a random one by default."),
    ] = None
    no_store: Annotated[
        bool, Parameter(group=STORE, help="Store nothing: what is said ends with the process.")
    ] = False

    def start(self, given: dict[str, Any]) -> Start:
        """What is asked for.

        Raises:
            ConfigError: that cannot be meant together.
        """
        goes_on = self.last or self.resume is not None
        if self.last and self.resume is not None:
            raise ConfigError("--continue goes on with the last session, --resume ID with another")
        if goes_on and self.id is not None:
            raise ConfigError("--id names a new session; --resume and --continue go on with one")
        if self.no_store and (goes_on or self.store is not None):
            raise ConfigError("--no-store stores nothing: leave out --store, --resume, --continue")
        return Start(self.id, self.resume, self.last, not self.no_store, self.store, given)


def keeping_of(start: Start, config: Config) -> Keeping:
    """Where the sessions are kept; nothing is opened yet.

    A store that was asked for, here or in the settings, has to be there; without the usual one the
    conversation goes on in memory, unless a session is to be found in it.
    """
    from toolrun.cli.chat.sessions.keeping import Keeping
    from toolrun.cli.kept import store_url
    from toolrun.errors import StoreError

    if not start.keep:
        return Keeping(None)
    must = config.store is not None or start.goes_on
    try:
        return Keeping(store_url(config), must=must)
    except OSError as error:  # a home that nobody can write to
        if must:
            raise
        keeping = Keeping(None)
        keeping.failed = StoreError(f"{error.filename}: {error.strerror}")
        return keeping
