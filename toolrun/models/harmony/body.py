"""What is a request of direct sampling, as bytes that have a digest?

Not the tokens: these differ by harmony library, and a trace must replay where none is installed.
What they are rendered from is written, in the form of Chat Completions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from toolrun.models.chat_body import encode_body as encode_chat

if TYPE_CHECKING:
    from toolrun.models.dialects import Dialect
    from toolrun.models.model import Request


def encode_body(request: Request, dialect: Dialect) -> bytes:
    """What a prompt is rendered from, the date and the model's own tools first."""
    head = msgspec.json.encode({"date": request.date, "builtins": request.builtins})
    return head + b"\n" + encode_chat(request, dialect)
