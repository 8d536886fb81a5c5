"""`toolrun chat`: what is typed to begin one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from toolrun.cli.chat.sessions.start import ChatOptions
from toolrun.cli.options import Common, SessionOptions, given, settings

if TYPE_CHECKING:
    from toolrun.cli.chat.face import Face


def chat(
    *,
    options: SessionOptions | None = None,
    keeping: ChatOptions | None = None,
    common: Annotated[Any, Parameter(parse=False)] = None,
) -> int:
    """Talk with a model that has tools. Ctrl-C stops a turn, Ctrl-D leaves.

    Args:
        options: Of the session.
        keeping: Where it is kept, and with which one to begin.
        common: What every command has.
    """
    import anyio

    from toolrun.cli.chat.conversation import Conversation

    keeping = keeping or ChatOptions()
    start = keeping.start(given(options))
    config, mask = settings(options, common or Common(), keeping.store)
    face = face_here()
    return anyio.run(face.run, Conversation(face, config, mask, start))


def face_here() -> Face:
    """The face for what this process's stdin and stdout are."""
    from toolrun.cli.chat.lines import Lines

    return Lines()
