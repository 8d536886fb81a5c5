"""By which recipient does a message reach a tool, and by which name does toolrun know it?

gpt-oss calls functions as `functions.NAME` on the commentary channel, and the tools that it was
trained with as `python` (whose input is raw code) and `browser.search`, `.open`, `.find` on the
analysis channel. In toolrun those are ordinary tools: `python`, with its code in JSON, and
`browser_search`, `browser_open`, `browser_find`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection

PYTHON = "python"
_FUNCTIONS, _BROWSER, _BROWSER_TOOLS = "functions.", "browser.", "browser_"


def tool_name(recipient: str) -> str:
    """The name of the tool that a recipient stands for."""
    if recipient.startswith(_BROWSER):
        return _BROWSER_TOOLS + recipient.removeprefix(_BROWSER)
    return recipient.removeprefix(_FUNCTIONS)


def recipient_of(name: str, builtins: Collection[str]) -> str:
    """The recipient that stands for a tool.

    Args:
        name: of the tool.
        builtins: the names of those tools that are the model's own.
    """
    if name not in builtins:
        return _FUNCTIONS + name
    if name.startswith(_BROWSER_TOOLS):
        return _BROWSER + name.removeprefix(_BROWSER_TOOLS)
    return name


def channel_of(name: str, builtins: Collection[str]) -> str:
    """The channel on which a tool is called."""
    return "analysis" if name in builtins else "commentary"


def arguments_of(name: str, text: str, builtins: Collection[str]) -> str:
    """What a message to a tool says, as the JSON that toolrun gives it."""
    if name == PYTHON and name in builtins:
        return msgspec.json.encode({"code": text}).decode()
    return text


def text_of(name: str, arguments: str, builtins: Collection[str]) -> str:
    """What a message to a tool says, from the JSON: the same that `arguments_of` took."""
    if name != PYTHON or name not in builtins:
        return arguments
    try:
        return msgspec.json.decode(arguments, type=_Code).code
    except (msgspec.MsgspecError, RecursionError):
        return arguments


class _Code(msgspec.Struct):
    code: str
