"""`toolrun chat`: a conversation with a model that has tools.

What draws the prompt is imported without what reads the command line.
"""

from __future__ import annotations

from typing import Any

__all__ = ["chat"]


def __getattr__(name: str) -> Any:
    """Import the command at its first use."""
    if name != "chat":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from toolrun.cli.chat.command import chat

    return chat
