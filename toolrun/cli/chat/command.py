"""`toolrun chat`: what is typed to begin one."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from toolrun.cli.chat.sessions.start import ChatOptions
from toolrun.cli.options import Common, SessionOptions, given, settings


def chat(
    *,
    options: SessionOptions | None = None,
    keeping: ChatOptions | None = None,
    screen_reader: Annotated[
        bool, Parameter(help="Only write lines, with words in place of glyphs.")
    ] = False,
    common: Annotated[Any, Parameter(parse=False)] = None,
) -> int:
    """Talk with a model that has tools. Ctrl-C stops a turn, Ctrl-D leaves.

    Args:
        options: Of the session.
        keeping: Where it is kept, and with which one to begin.
        screen_reader: For a screen that is read aloud.
        common: What every command has.
    """
    from toolrun.cli.chat.beginning import face_here, held
    from toolrun.cli.chat.conversation import Conversation

    keeping = keeping or ChatOptions()
    start = keeping.start(given(options))
    config, mask = settings(options, common or Common(), keeping.store)
    face = face_here(aloud=screen_reader)
    return held(face, Conversation(face, config, mask, start))
