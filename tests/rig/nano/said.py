"""Which values are said otherwise than they are given?

A schema may want a date as YYYY-MM-DD, a time as HH:MM: then the schema says so, people say "14
August" or "5:20 pm", and the call is given what the schema wants. Where no form is wanted, a value
is given as it is said.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from tests.rig.nano.spelling import copied

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.rig.nano.tools import Family, Parameter

_AS_GIVEN = 0.35
"""How often it is said in the form that is wanted."""
_WANTED = {"isodate": ("dayform", 0.5), "date": ("dayform", 0.3), "clock": ("timeform", 0.5)}
"""Rules of dates and times, as which they are wanted, and how often."""


def day(text: str, r: Random) -> str:
    """How a date is said: "14 August 2026"."""
    date = dt.date.fromisoformat(text)
    d, year, whole = date.day, date.year, f"{date:%B}"
    month = r.choice((whole, whole, f"{date:%b}"))
    nth = f"{d}{'th' if 10 < d < 20 else {1: 'st', 2: 'nd', 3: 'rd'}.get(d % 10, 'th')}"
    ways = [
        f"{d} {month} {year}", f"{d} {month} {year}", f"{month} {d}, {year}",
        f"{month} {d}, {year}", f"{month} {nth}, {year}", f"{month} {d} {year}",
        f"{nth} {month} {year}", f"the {nth} of {whole} {year}", f"{nth} of {whole}, {year}",
        f"{d}. {whole} {year}", f"{d}.{date.month}.{year}", f"{d:02d}.{date.month:02d}.{year}",
        f"{year}/{date.month:02d}/{d:02d}", f"{d}-{date:%b}-{year}",
    ]  # fmt: skip
    if d > 12:  # else nobody knows which is the month
        ways += [f"{d}/{date.month:02d}/{year}", f"{date.month}/{d}/{year}"]
    return r.choice(ways)


def time(text: str, r: Random) -> str:
    """How a time of day is said: "5:20 pm"."""
    hour, minute = map(int, text.split(":"))
    short = hour % 12 or 12
    half = "am" if hour < 12 else "pm"
    ways = [
        f"{short}:{minute:02d} {half}", f"{short}:{minute:02d} {half}",
        f"{short}:{minute:02d}{half}", f"{short}.{minute:02d} {half}",
        f"{short}:{minute:02d} {half[0]}.m.", f"{short}:{minute:02d} {half.upper()}",
        f"{hour}:{minute:02d}",
    ]  # fmt: skip
    if hour:
        ways.append(f"{hour}.{minute:02d} h")
    part = "in the morning" if hour < 12 else "in the afternoon" if hour < 18 else "in the evening"
    if minute == 0:
        ways += [
            f"{short} {half}", f"{short} {half}", f"{short}{half}", f"{short} {half}",
            f"{short} {half.upper()}", f"{short} {half[0]}.m.",
        ]  # fmt: skip
        spoken = [f"{short} {part}", f"{short} o'clock {part}"]
        ways += {0: ["midnight"] * 4, 12: ["noon"] * 4}.get(hour, spoken)
    beside = {15: "a quarter past", 30: "half past"}.get(minute)
    if beside is not None and 0 < hour < 22:
        ways.append(f"{beside} {short} {part}")
    if hour < 10:
        ways = [way for way in ways if way != f"{hour}:{minute:02d}"] + [f"{hour}:{minute:02d} am"]
    return r.choice(ways)


class _Form(NamedTuple):
    """A form that a schema wants: how it is written there, and how else a value may be said."""

    written: tuple[str, ...]
    said: Callable[[str, Random], str]


_FORMS = {
    "dayform": _Form(
        ("YYYY-MM-DD", "YYYY-MM-DD", "YYYY-MM-DD", "as YYYY-MM-DD", "format YYYY-MM-DD",
         "ISO date, YYYY-MM-DD", "ISO 8601 date", "ISO 8601, e.g. 2025-03-01", "ISO date",
         "yyyy-mm-dd", "date as 2026-01-31"),
        day,
    ),
    "timeform": _Form(
        ("HH:MM", "HH:MM", "HH:MM", "HH:MM, 24 h", "24-hour HH:MM", "24-hour clock, e.g. 17:30",
         "24h time as HH:MM", "format HH:MM", "e.g. 08:15 or 19:45", "hh:mm (24 hours)"),
        time,
    ),
}  # fmt: skip


def put(rule: str, text: str, r: Random) -> tuple[str, str]:
    """What is said of a value, and the inside of its JSON string.

    Args:
        rule: that drew it.
        text: as it is given.
        r: decides.
    """
    form = _FORMS.get(rule)
    if form is None or r.random() < _AS_GIVEN:
        return text, copied(text)
    said = form.said(text, r)
    return said, copied(text) if text in said else text


def told(rule: str, about: str, r: Random) -> str:
    """A parameter's description, which says the form where one is wanted."""
    form = _FORMS.get(rule)
    if form is None:
        return about
    written = r.choice(form.written)
    if not about or r.random() < 0.15:
        return written[0].upper() + written[1:]
    way = r.choice(("{a} ({w})", "{a} ({w})", "{a}, {w}", "{a}: {w}", "{a}. {w}"))
    return way.format(a=about.rstrip("."), w=written)


def formed(family: Family, r: Random) -> Family:
    """The tools, where some dates and times are wanted in one form."""
    changed: dict[str, Parameter] = {}
    for key, one in family.parameters.items():
        rule, often = _WANTED.get(one.value, ("", 0.0))
        if one.type == "string" and r.random() < often and not _whole(family, key):
            changed[key] = replace(one, value=rule)
    return replace(family, parameters={**family.parameters, **changed}) if changed else family


def _whole(family: Family, key: str) -> bool:
    """Whether a request says the value as a whole: then it is given as it stands there."""
    return any(key in bound.values for bound in family.bound)
