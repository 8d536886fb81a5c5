"""What may a tool know of the call that it serves?

Standard library only: the sandbox loads this module too.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

KEY_VARIABLE = "TOOLRUN_IDEMPOTENCY_KEY"
"""The environment variable of a box that holds `CallContext.idempotency_key`."""


class Hidden(dict[str, str]):
    """A dict whose text says which names it has, and no value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<secrets: {', '.join(self) or 'none'}>"


def whose(tenant: str | None, session: str) -> str | None:
    """Who a box is kept for: a tenant, else a session, which none of that name is taken for."""
    if tenant:
        return f"tenant {tenant}"
    return f"session {session}" if session else None


class CallContext:
    """The call that a tool serves; a parameter of this type is filled in, and the model sees none.

    Attributes:
        session: the id of the session.
        tenant: on whose behalf the session runs; None where nobody said.
        call_id: the id of the call, as the model's server gave it.
        idempotency_key: the same for the same call over retries and resumes, and for no other.
        deadline: when the turn's time is up, in seconds since the epoch; None for no end.
        context: the user's own object (`Session(context=...)`); None inside a sandbox.
        secrets: the values of the secrets that the tool declares, by name; in no `repr`.
        cancelled: whether nobody waits for the result any more, since the turn was stopped or the
            tool's time is up. A plain function that is trusted runs on in its thread, which nothing
            can stop: one that takes long looks here now and then, and returns. Inside a sandbox it
            is False: what runs there is killed.
    """

    __slots__ = (
        "call_id",
        "cancelled",
        "context",
        "deadline",
        "idempotency_key",
        "secrets",
        "session",
        "tenant",
    )

    def __init__(
        self,
        session: str = "",
        tenant: str | None = None,
        call_id: str = "",
        idempotency_key: str = "",
        deadline: float | None = None,
        context: Any = None,
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        self.session: str = session
        self.tenant: str | None = tenant
        self.call_id: str = call_id
        self.idempotency_key: str = idempotency_key
        self.deadline: float | None = deadline
        self.context: Any = context
        self.secrets: Hidden = Hidden(secrets or {})
        self.cancelled: bool = False
