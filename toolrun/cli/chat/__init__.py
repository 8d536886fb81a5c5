"""`toolrun chat`: a conversation with a model that has tools."""

from toolrun.cli.chat.command import chat

__all__ = ["chat"]
