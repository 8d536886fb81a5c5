"""What is wrong with a text that is no JSON: does it end too early, or is it broken within?

The answer comes from Python's own decoder, which reads more than RFC 8259 allows (NaN, lone
surrogates, numbers of any size): what it reads is for the model to correct, not for the server.
"""

from __future__ import annotations

import json
import re
from typing import Literal, TypeAlias

from msgspec import Struct

Kind: TypeAlias = Literal["truncated", "garbled", "unfit"]

MAX_DIGITS = 4300
"""As many as Python turns into an int (`sys.int_info.default_max_str_digits`)."""
_AROUND = 24
_LITERALS = ("true", "false", "null", "NaN", "Infinity", "-Infinity")
_BEGINNINGS = frozenset(word[:end] for word in _LITERALS for end in range(len(word)))
# What of a number or an escape can stand alone at the end, from where the decoder stopped.
_CUT_NUMBER = re.compile(r"(?<=[0-9])(?:\.|(?:\.[0-9]+)?[eE][+-]?)\Z")
_CUT_ESCAPE = re.compile(r"u[0-9a-fA-F]{0,4}\Z")


class Fault(Struct, frozen=True):
    """Why a text is not JSON.

    Attributes:
        kind: "truncated": more text could make it JSON; "garbled": nothing could; "unfit": only a
            value in it has no place in JSON.
        why: the reason and where, for the model; what it quotes is escaped and short.
    """

    kind: Kind
    why: str


def diagnose(text: str) -> Fault:
    """Why a text that is not JSON is not; takes time linear in its length."""
    odd: list[str] = []
    try:
        _decoder(odd).decode(text)
    except json.JSONDecodeError as error:
        if _ends_early(error):
            return Fault("truncated", "it ends before it is complete")
        return Fault("garbled", f"{error.msg} at character {error.pos}{_around(text, error.pos)}")
    except RecursionError:
        return Fault("unfit", "it is nested too deep")
    if odd:
        return Fault("unfit", odd[0])
    try:
        json.loads(text)  # all numbers in it are short enough
    except json.JSONDecodeError as error:
        why = f"a control character at character {error.pos} must be written as an escape such as"
        return Fault("unfit", rf"{why} \n{_around(text, error.pos)}")
    return Fault("unfit", r"it has half of a surrogate pair (\ud800 to \udfff), which is no text")


def _decoder(odd: list[str]) -> json.JSONDecoder:
    """A decoder that makes no numbers, and notes those that JSON or Python has no room for.

    It reads control characters in strings, which are looked for when all else is well.
    """

    def constant(name: str) -> None:
        odd.append(f"{name} is not JSON; give a number, null or a string")

    def integer(digits: str) -> None:
        if len(digits) > MAX_DIGITS:
            odd.append(f"a number of {len(digits)} digits is too long; at most {MAX_DIGITS}")

    def real(number: str) -> None:
        if float(number) in (float("inf"), float("-inf")):
            short = number if len(number) <= _AROUND else f"{number[:_AROUND]}..."
            odd.append(f"the number {short} is out of range")

    return json.JSONDecoder(
        parse_constant=constant, parse_int=integer, parse_float=real, strict=False
    )


def _ends_early(error: json.JSONDecodeError) -> bool:
    """Whether the decoder wanted more where the text ends."""
    text = error.doc
    if error.msg.startswith("Unterminated string"):
        return True
    if error.msg.startswith("Invalid \\u"):
        return _CUT_ESCAPE.search(text, max(error.pos - 1, 0)) is not None
    if not text[error.pos :].strip(" \t\r\n"):
        return True
    rest = text[error.pos : error.pos + len("-Infinity")]
    if error.msg.startswith("Expecting value"):
        return error.pos + len(rest) == len(text) and rest in _BEGINNINGS
    return _CUT_NUMBER.match(text, error.pos) is not None


def _around(text: str, at: int) -> str:
    piece = text[max(at - _AROUND, 0) : at + _AROUND]
    return f", near {json.dumps(piece)}" if piece else ""
