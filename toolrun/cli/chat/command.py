"""`toolrun chat`: what is typed to begin one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from toolrun.cli.options import Common, SessionOptions, settings

if TYPE_CHECKING:
    from toolrun.cli.chat.face import Face


def chat(
    *,
    options: SessionOptions | None = None,
    common: Annotated[Any, Parameter(parse=False)] = None,
) -> int:
    """Talk with a model that has tools. Ctrl-C stops a turn, Ctrl-D leaves.

    Args:
        options: Of the session.
        common: What every command has.
    """
    import anyio

    from toolrun.cli.chat.conversation import Conversation

    config, mask = settings(options, common or Common())
    face = face_here()
    return anyio.run(face.run, Conversation(face, config, mask))


def face_here() -> Face:
    """The face for what this process's stdin and stdout are."""
    from toolrun.cli.chat.lines import Lines

    return Lines()
