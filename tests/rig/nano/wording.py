"""How does a person ask: dressed up, lower-cased, in a hurry?"""

from __future__ import annotations

import tomllib
from functools import cache
from typing import TYPE_CHECKING, Any

from tests.rig.nano.asks import HOLE
from tests.rig.nano.values import DATA, weighed

if TYPE_CHECKING:
    from random import Random

    from tests.rig.nano.tools import Tool, Value


@cache
def wordings() -> dict[str, Any]:
    """What `data/wordings.toml` says."""
    body = tomllib.loads((DATA / "wordings.toml").read_text())
    body["wraps"] = [text for line in body["wraps"] for text in weighed(line)]
    return body


def ask(tool: Tool, given: dict[str, Value], r: Random) -> str:
    """A request for one call, bare: the asking sentence, then what it does not say yet."""
    whole = next((value.ask for value in given.values() if value.ask), "")
    template = whole or r.choice(_usable(tool, given))
    holes = {*HOLE.findall(template), *(key for key, value in given.items() if value.ask)}
    mark = template[-1] if template[-1] in "?." else ""
    text = template[: len(template) - len(mark)] if mark else template
    keys = [key for key in tool.names if key in given and key not in holes]
    if r.random() < 0.5:
        r.shuffle(keys)
    for key in keys:
        said = tool.family.parameters[key].said
        part = r.choice(said).lstrip() if said else f"{{{key}}}"
        text += part if part[0] in ",." else f" {part}"
    return filled(text, given) + mark


def _usable(tool: Tool, given: dict[str, Value]) -> list[str]:
    """The requests that need no value that is not given."""
    left = tool.family.parameters.keys() - given.keys()
    found = [ask for ask in tool.family.asks if left.isdisjoint(HOLE.findall(ask))]
    return found or list(tool.family.asks)


def filled(template: str, given: dict[str, Value]) -> str:
    """A template with the values as they are said."""
    return HOLE.sub(lambda hole: given[hole[1]].said if hole[1] in given else hole[0], template)


def explicit(tool: Tool, given: dict[str, Value], r: Random) -> str:
    """A request that names the tool, as developers try one out."""
    pairs = [(tool.names[key], value.said) for key, value in given.items()]
    form = r.choice(("{k} = {v}", "{k} {v}", "{k}: {v}", "{k}={v}", '{k} "{v}"', "{k} set to {v}"))
    said = ", ".join(form.format(k=k, v=v) for k, v in pairs)
    head = r.choice(("call {t}", "use {t}", "run {t}", "try {t}", "use the tool {t}", "{t}"))
    with_ = r.choice((" with ", " with ", ": ", " where ")) if said else ""
    return head.format(t=tool.name) + with_ + said


def lower_first(text: str) -> str:
    """The text as the middle of a sentence; a value that it begins with stays as it is."""
    return text[0].lower() + text[1:] if _opens(text) else text


def upper_first(text: str) -> str:
    """The text as a sentence of its own; a value that it begins with stays as it is."""
    return text[0].upper() + text[1:] if _opens(text) else text


def _opens(text: str) -> bool:
    """Whether it begins with a word of requests, not with a value."""
    first = text.partition(" ")[0]
    if first.isupper():
        return False
    return first.lower().rstrip(",:?") in openings()


@cache
def openings() -> frozenset[str]:
    """The words that requests begin with."""
    return imperatives() | frozenset(wordings()["opening"].split())


def dressed(text: str, r: Random, *, free: bool = False) -> str:
    """A request as a person sends it.

    Args:
        text: the request, bare.
        r: decides.
        free: whether a free text ends it: nothing that could belong to it is put behind.
    """
    words = wordings()
    draw = r.random()
    if draw < 0.05 and not free:
        when = r.choice(words["when"])
        text = f"{text[:-1]} {when}?" if text.endswith("?") else f"{text} {when}"
    elif draw < 0.11:
        return f"{r.choice(words['before'])} {upper_first(text)}"
    elif draw < 0.14 and not free:
        return f"{text}{'' if text[-1] in '?.!' else '.'} {r.choice(words['before'])}"
    elif draw < 0.18 and text[-1] not in "?." and not free:
        text = f"{text}{r.choice(words['after'])}"
    elif draw < 0.4:
        return _cased(_framed(text, words["frames"], r, free=free), r, loose=0.5)
    return _cased(_wrapped(text, words, r), r)


def is_imperative(text: str) -> bool:
    """Whether a request begins with a verb that says what to do, and is no question."""
    first = text.split(maxsplit=1)[0].lower().rstrip(",:")
    return first in imperatives() and not text.endswith("?")


@cache
def imperatives() -> frozenset[str]:
    """The verbs that requests begin with."""
    return frozenset(wordings()["imperative"].split())


def _framed(text: str, frames: dict[str, list[str]], r: Random, *, free: bool) -> str:
    """A request put otherwise: indirectly, politely, as one types in a chat."""
    kinds = ["any", "any" if free else "behind"]
    if is_imperative(text):
        kinds += ["verbal"] * 4
    elif text.endswith("?"):
        kinds += ["asking"] * 3
    frame = r.choice(frames[r.choice(kinds)])
    if not frame.startswith("{}"):
        text = lower_first(text)
    if frame != frame.rstrip("?!") or not frame.endswith("{}"):
        text = text.rstrip("?.!")
    return frame.replace("{}", text)


def _wrapped(text: str, words: dict[str, Any], r: Random) -> str:
    wrap: str = r.choice(words["wraps"])
    if wrap in words["verbal"] and not is_imperative(text):
        wrap = "{}"
    if not wrap.startswith("{}"):
        text = lower_first(text)
    if wrap.endswith(("?", "!")) and text[-1] in "?.!":
        wrap = "{}"
    return wrap.replace("{}", text)


def _cased(found: str, r: Random, *, loose: float = 0.2) -> str:
    """The beginning and the end as people type them; `loose`: how often not as in a book."""
    if r.random() >= loose:
        found = upper_first(found)
    elif r.random() < 0.5:
        found = lower_first(found)
    if found[-1].isalnum() and r.random() < 0.35:
        return f"{found}."
    return found[:-1] if found[-1] == "?" and r.random() < 0.15 else found
