"""Which tools does nobody know, and how are they asked for?

A tool that is made up here has a name, parameters and wordings that may never come again, so that
the model learns to read what is offered rather than to remember it.
"""

from __future__ import annotations

import dataclasses
import tomllib
from functools import cache
from typing import TYPE_CHECKING, Any

from tests.rig.nano.pairs import pair
from tests.rig.nano.tools import Family, Parameter, camel, parameters
from tests.rig.nano.values import DATA, weighed

if TYPE_CHECKING:
    from random import Random

    from tests.rig.nano.values import Values

_SUFFIXES = ("v2", "tool", "api", "by_id", "by_name", "list", "status", "info")
_PLAINLY = (
    ("{k} {v}", ", {k} {v}"),
    (", {k}: {v}", ", {k} = {v}", "{k}={v}"),
    ("and the {k} is {v}", ", the {k} is {v}"),
    ("with {k} {v}", "with the {k} {v}", 'with {k} "{v}"', "with {k} '{v}'"),
    ("using {v} as {k}", ", use {v} as the {k}", ", {v} as {k}"),
    (", its {k} is {v}", ", whose {k} is {v}"),
    ("({k} {v})", "({k}: {v})", "[{k}={v}]"),
    ("{v} {k}", ", {v} {k}", "with {v} {k}"),
    ("the {k} {v}", "of the {k} {v}", "for the {k} {v}", "in the {k} {v}"),
)
_COUNTS = (0, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4)


@cache
def _data() -> dict[str, Any]:
    body = tomllib.loads((DATA / "novel.toml").read_text())
    body["things"] = {key: words.split() for key, words in body["things"].items()}
    body["asks"] = {
        key: [text for line in lines for text in weighed(line)]
        for key, lines in body["asks"].items()
    }
    return body


def make_up(values: Values, r: Random) -> Family:
    """A family of one tool that nobody knows."""
    draw = r.random()
    if draw < 0.1:
        return _calculation(values, r)
    if draw < 0.2:
        return _property(values, r)
    if draw < 0.25:
        return _function(values, r)
    if draw < 0.37:
        return _question(values, r)
    if draw < 0.52:
        return pair(values, r)
    return _action(values, r)


def _action(values: Values, r: Random) -> Family:
    verb = r.choice(list(_data()["verbs"]))
    noun = values.draw("thing", r) if r.random() < 0.6 else values.draw("token", r)
    if r.random() < 0.2:
        noun = f"{values.draw('adjective', r)} {noun}"
    elif r.random() < 0.12:
        noun = f"{values.draw('thing', r)} {noun}"
    found = _parameters(noun, values, r)
    plain = verb.replace("_", " ")
    about = (
        f"{plain.capitalize()} a {noun}",
        f"{plain.capitalize()} the {noun}",
        f"{plain.capitalize()}s {noun}s",
        f"{noun.capitalize()} to {plain}, {values.fill('{token}', r)}",
        f"Use this to {plain} a {noun}.",
        f"Tool for {noun}s: {plain}",
        f"Which {noun}s there are",
        f"Whether there is a {noun}",
        "",
        f"{plain.capitalize()} a {noun}, given its details",
        f"{values.draw('Token', r)} {values.draw('phrase', r)}",
    )
    asks = _asks(verb, noun, found, r)
    return Family((_name(verb, noun, values, r),), about, asks, found)


def _asks(verb: str, noun: str, found: dict[str, Parameter], r: Random) -> tuple[str, ...]:
    """A few wordings, complete; the parameters are put into words in them."""
    data = _data()
    words = data["verbs"][verb]
    required = [key for key, one in found.items() if one.chance is None]
    asks: list[str] = []
    for _ in range(6):
        said = r.choice(words)
        if len(required) == 1 and r.random() < 0.35:
            form = r.choice(data["asks"]["of_value"])
            lone = form.replace("{x}", "{" + required[0] + "}")
            asks.append(lone.replace("{v}", said).replace("{n}", noun))
            continue
        pool = data["asks"]["with_verb" if r.random() < 0.65 else "about_noun"]
        asks.append(r.choice(pool).replace("{v}", said).replace("{n}", noun))
    return tuple(asks)


def _name(verb: str, noun: str, values: Values, r: Random) -> str:
    base = f"{verb}_{noun}".replace(" ", "_").lower()
    made = values.draw("made", r)
    several = [values.draw("word1", r) for _ in range(r.randint(1, 4))]
    draw = r.random()
    if draw < 0.45:
        return base
    return r.choice(
        (
            camel(base),
            f"{noun.replace(' ', '_')}_{verb}",
            f"{made}_{base}",
            f"{made}_{values.draw('made', r)}",
            "_".join(several),
            "-".join(several[:3]),
            camel("_".join(several[:3])),
            f"{base}_{r.choice(_SUFFIXES)}",
            f"{base}_{values.draw('token', r)}",
            noun.replace(" ", "_"),
            f"{values.draw('token', r)}.{noun.replace(' ', '_')}".replace(".", "__"),
        )
    )


def _parameters(noun: str, values: Values, r: Random) -> dict[str, Parameter]:
    found: dict[str, Parameter] = {}
    for one in r.sample(parameters(), r.choice(_COUNTS)):
        name = r.choice(one.names).replace("{n}", noun.replace(" ", "_"))
        if one.type == "string" and r.random() < 0.12:
            name = values.draw("term", r)
        if name in found:
            continue
        optional = one.type == "boolean" or r.random() < 0.3
        said = one.said if r.random() < 0.7 else r.choice(_PLAINLY)
        choices = one.value.split("|") if "|" in one.value and r.random() < 0.75 else []
        if choices and r.random() < 0.4:
            choices = [values.draw("token", r) for _ in range(r.randint(2, 4))]
        word = name.replace("_", " ")
        found[name] = dataclasses.replace(
            one,
            names=(name,),
            about=tuple(text.replace("{n}", noun).replace("{k}", word) for text in one.about),
            enum=tuple(choices),
            chance=0.5 if optional else None,
            said=tuple(t.replace("{k}", word).replace("{v}", "{" + name + "}") for t in said),
        )
    return found


def _property(values: Values, r: Random) -> Family:
    """How tall is X: the word that is asked for and the tool's name differ."""
    name, words = r.choice(list(_data()["properties"].items()))
    word = r.choice(words.split())
    kind = r.choice(_data()["things"]["kinds"]) if r.random() < 0.7 else values.draw("thing", r)
    value = r.choice(("person", "Token", "city", "identifier", "spot", "title", "made", "Made"))
    key = r.choice((kind, "name", f"{kind}_name", kind, "id", "query", "title"))
    names = (
        f"get_{kind}_{name}", f"{kind}_{name}", f"{name}_of", f"get_{name}", f"{kind}_info",
        camel(f"get_{kind}_{name}"), f"lookup_{name}", f"{name}_lookup", f"max_{name}",
    )  # fmt: skip
    about = (
        f"{name.capitalize()} of a {kind}", f"Get the {name} of a {kind}.", f"The {kind}'s {name}",
        f"How {word} a {kind} is", f"Returns the {name} of {kind}s", f"Looks up a {kind}", "",
    )  # fmt: skip
    asks = (
        "How {w} is {x}?", "How {w} is {x}?", "What is the {p} of {x}?", "Is {x} very {w}?",
        "Tell me how {w} {x} is", "{p} of {x}", "what's {x}'s {p}?", "How {w} is the {k} {x}?",
        "I want to know the {p} of the {k} {x}", "how {w} would {x} be?",
        "Can you say how {w} {x} is?",
    )  # fmt: skip
    filled = tuple(a.replace("{w}", word).replace("{p}", name).replace("{k}", kind) for a in asks)
    required = Parameter((key,), "string", (f"Name of the {kind}", f"The {kind}", ""), value)
    return Family((r.choice(names),), about, filled, {"x": required}, follow=("And {x}?",))


def _question(values: Values, r: Random) -> Family:
    """Where is X, whose is X: the description says what is asked, the name hardly."""
    noun, kind = values.draw("thing", r), values.draw("thing", r)
    if r.random() < 0.4:
        noun = values.draw("token", r)
    said = r.choice(_data()["questions"])
    key = r.choice((kind, f"{kind}_name", "name", "query", kind, f"{kind}_id", "of"))
    value = r.choice(("person", "title", "city", "identifier", "spot", "title", "term", "host"))

    def fill(text: str) -> str:
        return text.replace("{n}", noun).replace("{k}", kind)

    names = (
        f"{kind}_{noun}", f"get_{noun}", f"find_{kind}", f"{noun}_of", f"{noun}_of_{kind}",
        camel(f"{kind}_{noun}"), f"{kind}_info", f"check_{noun}", noun, f"{noun}_lookup",
    )  # fmt: skip
    required = Parameter((key,), "string", (f"The {kind}", f"Name of the {kind}", ""), value)
    asks = tuple(fill(text) for text in said["asks"])
    about = tuple(fill(text) for text in said["about"])
    return Family((r.choice(names),), about, asks, {"x": required}, follow=("And {x}?",))


def _function(values: Values, r: Random) -> Family:
    name = r.choice(_data()["things"]["functions"])
    if r.random() < 0.3:
        name = values.draw("term", r)
    words = name.replace("_", " ")
    words = words.removeprefix("is ").removeprefix("to ")
    names = (name, f"get_{name}", f"compute_{name}", camel(f"math_{name}"), f"{name}_of")
    asks = (
        f"What is the {words} of {{x}}?", f"{words} of {{x}}", f"find the {words} for {{x}}",
        f"{{x}}: {words}?", f"Is {{x}} {words}?", f"Is {{x}} a {words}?", f"Give {{x}} in {words}",
        f"Write {{x}} as {words}", f"turn {{x}} into {words}", f"What's the {words} of {{x}}?",
        f"I need the {words} of {{x}}",
    )  # fmt: skip
    about = (f"The {words} of a number", f"Computes the {words}", f"{words.capitalize()}", "")
    key = r.choice(("x", "n", "number", "value", "num", "input", "text"))
    type_ = "string" if key == "text" else r.choice(("number", "integer"))
    value = "saying" if key == "text" else "amount" if type_ == "number" else "number"
    required = Parameter((key,), type_, ("The number", "Input", "A number", ""), value)
    result = {"shape": "one", "keys": ["result", "value", name], "value": "amount",
              "says": "The result is {x}."}  # fmt: skip
    return Family((r.choice(names),), about, asks, {"x": required}, result)


def _calculation(values: Values, r: Random) -> Family:
    """A quantity from several numbers with units."""
    things = _data()["things"]
    quantity = r.choice(things["quantities"]) if r.random() < 0.6 else values.draw("thing", r)
    shape = r.choice(things["shapes"]) if r.random() < 0.6 else values.draw("thing", r)
    verb = r.choice(("calculate", "compute", "find", "estimate", "determine", "get"))
    found: dict[str, Parameter] = {}
    measures = r.sample(things["measures"], r.choice((1, 2, 2, 3, 3, 4)))
    for measure in measures:
        name = measure
        if r.random() < 0.25:
            name = f"{measure}_{r.choice(('m', 'kg', 'value', 'rate', 'cm', 'total'))}"
        words = measure.replace("_", " ")
        unit = r.choice(("", "", " " + r.choice(things["units"]).replace("_", " ")))
        said: tuple[str, ...] = (
            "with a {k} of {v}", "with {k} {v}", "and {k} {v}", ", {k} {v}", "and a {k} of {v}",
            "of {k} {v}", "and the {k} is {v}", "given {k} = {v}",
        )  # fmt: skip
        if len(measures) == 1:
            said = (*said, "of {v}", "for {v}", "{v}")
        kind = r.choice(("number", "number", "integer"))
        found[name] = Parameter(
            (name,), kind, (f"The {words} of the {shape}", words.capitalize(), f"In{unit}", ""),
            r.choice(("number", "small")) if kind == "integer" else r.choice(("amount", "meters")),
            chance=None if r.random() < 0.85 else 0.4,
            said=tuple(t.format(k=words, v="{" + name + "}") + unit for t in said),
        )  # fmt: skip
    names = (
        f"{verb}_{quantity}", f"{verb}_{shape}_{quantity}", f"{shape}_{quantity}", quantity,
        f"{verb}_{quantity}_of_{shape}", camel(f"{verb}_{quantity}"), f"{quantity}_for_{shape}",
    )  # fmt: skip
    asks = (
        "What is the {q} of a {s}", "{b} the {q} of a {s}", "Find the {q} of the {s}",
        "I need the {q} of a {s}", "{b} the {q} for a {s}", "What's the {q} of a {s}",
        "How much {q} has a {s}", "Work out the {q}", "Help me {b} the {q} of a {s}",
        "How much {q} do I need for a {s}", "{q} for a {s}",
    )  # fmt: skip
    words = {"q": quantity, "s": shape, "b": verb}
    filled = tuple(ask.format_map(words) for ask in asks)
    about = (f"{verb.capitalize()} the {quantity} of a {shape}.", f"{quantity} of a {shape}", "")
    result = {"shape": "one", "keys": ["result", quantity, "value"], "value": "amount",
              "says": "The result is {x}."}  # fmt: skip
    return Family((r.choice(names),), about, filled, found, result)
