"""How does what a tool returned become what the model reads?"""

from __future__ import annotations

import math
from typing import Any

import msgspec


def to_text(value: Any) -> str:
    """A string as it is, anything else as JSON; what JSON has no form for is shown as text."""
    if isinstance(value, str):
        return value
    try:
        return msgspec.json.encode(value, enc_hook=_encode).decode()
    except (TypeError, ValueError, RecursionError, OverflowError):
        return shown(value)


def cut(text: str, limit: int) -> str:
    """At most about `limit` bytes of UTF-8: beginning and end, and how much is missing between."""
    data = text.encode("utf-8", "replace")
    if len(data) <= limit:
        return data.decode()
    half = limit // 2
    head = data[:half].decode("utf-8", "ignore")
    tail = data[-half:].decode("utf-8", "ignore") if half else ""
    return f"{head}\n[... {len(data) - 2 * half} bytes left out ...]\n{tail}"


def _encode(value: Any) -> Any:
    """What msgspec has no form for."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, complex) or (isinstance(value, float) and not math.isfinite(value)):
        return str(value)
    return shown(value)


def shown(value: Any) -> str:
    """The text of a value; whatever that raises is said in its place."""
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - a tool's own __str__ may raise anything
        return f"<{type(value).__name__}, whose text raised {type(error).__name__}>"
