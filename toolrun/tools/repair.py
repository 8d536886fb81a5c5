"""Which malformed calls can be mended without a guess at what the model meant?

vLLM lets harmony markup through into names (#32587, #31677), and models wrap JSON in fences, write
on after it, leave its last brace out, or write a text of several lines as it is. A mend takes away
what surrounds the call, closes what is open at its very end, or escapes the line ends and tabs in a
string; it never changes a name's letters or a value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from toolrun.tools.malformed import diagnose
from toolrun.tools.validation import MAX_BYTES, ArgumentsInvalid, parse

Fits: TypeAlias = Callable[[dict[str, Any]], bool]

_SPACE = " \t\r\n"
_FILLER = "\ufeff\x00"
_PADDING = _FILLER + _SPACE
_OPEN_FENCE = re.compile(r"```[a-zA-Z]*[ \t]*\r?\n?")
# Possessive, so that a string without an end takes linear time.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|["{}\[\]]', re.DOTALL)
_ESCAPES = str.maketrans({"\n": "\\n", "\r": "\\r", "\t": "\\t"})
_CLOSERS = {"{": "}", "[": "]"}
_BEGUN = re.compile(r'[\s\ufeff`a-z]*\{\s*"?(c(o(d(e("\s*(:.*)?)?)?)?)?)?\Z', re.DOTALL)
"""The beginning of an object that holds code, in a fence or not."""


class Mend(Struct, frozen=True):
    """One part of a call, as it came and as it is now."""

    what: Literal["name", "arguments"]
    before: str
    after: str


def plain_name(name: str) -> str:
    """A name without the harmony markup that vLLM lets through (#32587, #31677)."""
    return name.split("<|", 1)[0].strip().removeprefix("functions.").strip()


def mend_arguments(name: str, text: str, fits: Fits) -> str | None:
    """Arguments that fit, where nothing but what surrounds them was wrong.

    Args:
        name: the tool's.
        text: what the model wrote; more than 1 MiB is left alone.
        fits: whether arguments are valid under the tool's schema.

    Returns:
        The mended text; None where `text` is a JSON object as it stands, or cannot be mended.
    """
    if len(text) > MAX_BYTES or _parsed(name, text) is not None:
        return None
    core = _escaped(_unwrapped(text))
    if not core.startswith("{"):
        return None
    mended = _without_rest(core) or _closed(core)
    if mended is None:
        return None
    arguments = _parsed(name, mended)
    return mended if arguments is not None and fits(arguments) else None


def mend_bare(text: str, name: str, begins: str = "") -> str | None:
    """The arguments that a text without its JSON stands for.

    gpt-oss was trained to give its own `python` tool the code as it is (openai/harmony,
    docs/format.md), and `apply_patch` the patch, in an object of any key or in none
    (openai/gpt-oss, gpt_oss/chat.py); it does so also where they are declared as functions of an
    object.

    Args:
        text: what the model wrote.
        name: of the argument that it is.
        begins: how such a text begins; "" for any, then what may be the beginning of an object that
            was cut off is none.

    Returns:
        `{name: text}`; None where `text` is such an object as it stands, or is something else.
    """
    if len(text) > MAX_BYTES or not text.strip():
        return None
    if begins:
        found = _beginning(text, name, begins)
        return None if found is None else json.dumps({name: found})
    if _parsed("", text) is not None or _BEGUN.match(text):
        return None
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = text
    return json.dumps({name: said if isinstance(said, str) else text})


def _beginning(text: str, name: str, begins: str) -> str | None:
    """The text that begins as it must: as it is, as a JSON string, or alone in an object."""
    if (core := _unwrapped(text)).startswith(begins):
        return core
    try:
        said = json.loads(_escaped(core))
    except (ValueError, RecursionError):
        return None
    if isinstance(said, dict) and len(said) == 1 and name not in said:
        (said,) = said.values()
    return said if isinstance(said, str) and said.lstrip().startswith(begins) else None


def flaw_of(text: str) -> Literal["truncated", "garbled"] | None:
    """What sampling again may better: arguments that end too early, or are no JSON at all.

    None also for what the model has to correct: JSON that is no object, values that JSON lacks,
    and more text than is read (1 MiB).
    """
    if len(text) > MAX_BYTES or _parsed("", text) is not None:
        return None
    kind = diagnose(text).kind
    return None if kind == "unfit" else kind


def _parsed(name: str, text: str) -> dict[str, Any] | None:
    try:
        return parse(name, text)
    except ArgumentsInvalid:
        return None


def _unwrapped(text: str) -> str:
    """Without padding, a byte order mark, and a code fence; what follows a fence stays.

    White space at the end stays too: it says that a number before it is complete.
    """
    core = text.lstrip(_PADDING).rstrip(_FILLER)
    if (fence := _OPEN_FENCE.match(core)) is not None:
        core = core[fence.end() :].lstrip(_PADDING)
        core = bare.removesuffix("```") if (bare := core.rstrip(_SPACE)).endswith("```") else core
    return core


def _escaped(text: str) -> str:
    """The text with the line ends and tabs that stand in its strings written as JSON has them.

    Only where nothing else is wrong with the object that it begins with: then each string in it has
    an end, and looking for them takes linear time.
    """
    try:
        _, end = json.JSONDecoder(parse_int=str, parse_float=str, strict=False).raw_decode(text)
    except (ValueError, RecursionError):
        return text
    return _TOKEN.sub(lambda token: token.group().translate(_ESCAPES), text[:end]) + text[end:]


def _without_rest(text: str) -> str | None:
    """The complete object that a text begins with, where the rest is no part of it.

    Equal objects in a row are one. Different ones are ambiguous, and so is a rest that goes on as
    JSON would.
    """
    decoder = json.JSONDecoder(parse_int=str, parse_float=str)
    try:
        first, end = decoder.raw_decode(text)
        rest = text[end:].strip(_PADDING)
        while rest.startswith("{"):
            other, length = decoder.raw_decode(rest)
            if other != first:
                return None
            rest = rest[length:].strip(_PADDING)
    except (ValueError, RecursionError):
        return None
    if "{" in rest or rest.startswith((",", ":", '"', "[")):
        return None
    return text[:end]


def _closed(text: str) -> str | None:
    """The text and the closers of what is open at its end, where a complete value ends there.

    A number that ends the text may lack digits, so it is not complete.
    """
    if text[-1:].isalnum() and not text.endswith(("true", "false", "null")):
        return None
    open_ones: list[str] = []
    for token in _TOKEN.finditer(text):
        mark = token.group()
        if mark == '"':
            return None
        if mark in _CLOSERS:
            open_ones.append(_CLOSERS[mark])
        elif mark in ("}", "]") and (not open_ones or open_ones.pop() != mark):
            return None
    return text + "".join(reversed(open_ones)) if open_ones else None
