"""Which requests leave out what a tool must have? It is asked for, not made up."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.rig.nano.asks import HOLE
from tests.rig.nano.context import is_open, sent
from tests.rig.nano.given import give
from tests.rig.nano.spelling import copied
from tests.rig.nano.steps import Step, Turn, named
from tests.rig.nano.wording import filled, imperatives, is_imperative

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from tests.rig.nano.tools import Tool
    from tests.rig.nano.values import Values

_LED = (
    r"(?:,? (?:to|in|for|with|on|at|from|by|of|as|under|called|named|about|until|into|over|and|the"
    r"|a|an|my|number|no\.|room|code|account|is|it|says|saying|say|than|up|order|id))*"
)
"""Little words that go with a value, in front of it."""
_UNIT = (
    r"(?: (?:minutes|hours|days|nights|weeks|people|persons|dollars|euros|degrees|percent|times|km"
    r"|meters|liters|tons|kg|grams|pixels|copies|points|words|letters|results))?"
)
_NEXT = r"(?=$|[?.,;]| (?:to|in|for|with|on|at|from|by|of|as|under|about|until|into|and)\b)"
_MAKING = frozenset((
    "create", "book", "register", "add", "order", "send", "make", "open", "start", "reserve",
    "schedule", "plan", "buy", "rent", "write", "file", "post", "merge", "rename", "cancel",
))  # fmt: skip
"""Verbs that stand before one thing of many."""
_ID = re.compile(r"_?(?:id|no|nr|name|number|code|key)$")
_DETERMINED = frozenset(
    ("the", "a", "an", "my", "our", "your", "this", "that", "no", "number", "of", "code", "called")
)
"""Words that no article follows."""
_FEWEST = 2
"""How many words are left of a request at least."""


def missing(tools: list[Tool], values: Values, r: Random) -> Turn | None:
    """A request that leaves something out that the tool must have."""
    tool = r.choice(tools)
    required = [k for k, one in tool.family.parameters.items() if one.chance is None]
    if not required:
        return None
    key = r.choice(required)
    given = {k: value for k, value in give(tool.family, values, r).items() if not value.ask}
    if not given.keys() >= {*required}:
        return None
    texts = [cut(template, key) for template in tool.family.asks]
    parameter = tool.family.parameters[key]
    if parameter.type == "string" and not parameter.enum and not is_open(parameter.value):
        texts += [
            vague(template, key, r.choice(parameter.names), r) for template in tool.family.asks
        ]
    usable = [text for text in texts if text and set(HOLE.findall(text)) == {*required} - {key}]
    bare = [text for text in tool.family.asks if "{" not in text] or _by_name(tool)
    if usable and (not bare or r.random() < 0.65):
        return _asked(filled(r.choice(usable), given), tool, [key], values, r)
    if not bare:
        return None
    text, lacking = r.choice(bare), []
    for other in required:
        said = tool.family.parameters[other].said
        if other == key or not said:
            lacking.append(other)
        else:
            text = f"{text.rstrip('?.')} {r.choice(said).lstrip(', ')}"
    return _asked(filled(text, given), tool, lacking, values, r) if len(lacking) < 4 else None


def cut(template: str, key: str) -> str:
    """A request without one of its values and the little words beside it; "" if that cannot be."""
    if not is_imperative(template):
        return ""
    found = re.search(_LED + r" [\"'`(#]?\{" + key + r"\}[\"'`)]?" + _UNIT + _NEXT, template)
    if found is None or template.count(f"{{{key}}}") > 1:
        return ""
    text = (template[: found.start()] + template[found.end() :]).rstrip(":,; ")
    whole = len(text.split()) >= _FEWEST and (text[-1].isalnum() or text[-1] in "}?.")
    return text if whole else ""


def vague(template: str, key: str, name: str, r: Random) -> str:
    """A request that says one of its values by its kind only: "a host"; "" if that cannot be."""
    word = _ID.sub("", name).replace("_", " ")
    found = re.search(r"(?:^|(?P<before>[A-Za-z]+) )\{" + key + r"\}", template)
    if not (word.replace(" ", "").isalpha() and word.islower()) or found is None:
        return ""
    if template.count(f"{{{key}}}") > 1 or (found["before"] or "").lower() in _DETERMINED:
        return ""
    article = "an" if word[0] in "aeio" else "a"
    said = r.choice((f"{article} {word}", f"{article} {word}", f"some {word}", f"one {word}"))
    hole = f"{{{key}}}"
    if re.search(rf"\b{word}\b", template.replace(hole, "")):
        said = r.choice(("one", "one of them", "one that I know", "another one"))
    text = template.replace(hole, said)
    return text[0].upper() + text[1:] if template.startswith(hole) else text


def _by_name(tool: Tool) -> list[str]:
    """What a tool does, by its name: "register a pet"."""
    verb, _, noun = tool.family.names[0].replace("_", " ").partition(" ")
    if not (tool.family.known and verb in imperatives() and noun.replace(" ", "").isalpha()):
        return []
    article = "an " if noun[0] in "aeio" else "a "
    if verb not in _MAKING or noun.endswith("s"):
        article = ""
    return [f"{verb} {article}{noun}", f"I want to {verb} {article}{noun}"]


def _asked(text: str, tool: Tool, lacking: Sequence[str], values: Values, r: Random) -> Turn:
    """The turn that asks for what is lacking."""
    names = [tool.names[key] for key in lacking]
    spaced = [name.replace("_", " ") for name in names]
    thought = f"I need {_row(names)} for {named(tool)}."
    step = Step(thought, answer=f"Please tell me {_row(spaced)}.")
    return Turn(sent(text, [], values, r), (step,))


def _row(names: Sequence[str]) -> str:
    return " and ".join(f"the {copied(name)}" for name in names)
