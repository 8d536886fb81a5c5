"""What does the status line say?"""

from __future__ import annotations

from msgspec import Struct


class Status(Struct, frozen=True):
    """What is known of a conversation at the moment."""

    model: str = ""
    server: str = ""
    profile: str = ""
