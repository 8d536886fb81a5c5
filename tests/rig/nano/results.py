"""What do tools give back, and what does the model say of it?

Known tools have sentences of their own, where the result is of the shape that they expect; all else
is read out: "The a is 1 and the b is 2.", "I found 2: x and y." What is said is marked as copied.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.rig.nano.shapes import number, shaped, words
from tests.rig.nano.spelling import copied, plain

if TYPE_CHECKING:
    from random import Random

    from tests.rig.nano.tools import Tool, Value
    from tests.rig.nano.values import Values

_DONE: tuple[Any, ...] = (
    "ok", {"ok": True}, {"status": "ok"}, {"success": True}, "done", {"status": "success"}, "OK",
    {"result": "success"}, "success", {"status": "done"}, "Done.", {"done": True}, "true",
)  # fmt: skip


class Outcome(NamedTuple):
    """What a call gave back.

    Attributes:
        text: as the model reads it.
        said: the sentence of the answer; what it copies is marked.
        value: the one value that a next call could use; "" where there is none.
        items: what was listed, where a list came.
    """

    text: str
    said: str
    value: str = ""
    items: tuple[str, ...] = ()


def outcome(tool: Tool, given: dict[str, Value], values: Values, r: Random) -> Outcome:
    """What a call that worked gives back."""
    shape = tool.family.result["shape"]
    said = {key: value.said for key, value in given.items()}
    draw = r.random()
    if shape == "any" or draw < 0.15:
        return _any(given, values, r)
    if shape == "weather":
        return _weather(said, values, r)
    if shape == "done":
        return _done(tool.family.result["says"], said, values, r)
    if shape == "one":
        return _one(tool.family.result, said, values, r)
    return _list(tool.family.result, said, values, r)


def show(body: Any, r: Random) -> str:
    """A result as tools print it."""
    if isinstance(body, str):
        return body + ("\n" if r.random() < 0.1 else "")
    indent = 2 if r.random() < 0.06 else None
    separators = (",", ":") if r.random() < 0.25 and indent is None else None
    return json.dumps(body, ensure_ascii=False, indent=indent, separators=separators)


def _filled(template: str, said: dict[str, str]) -> str:
    """A sentence, its values marked."""
    return template.format_map({key: copied(value) for key, value in said.items()})


def _one(spec: dict[str, Any], said: dict[str, str], values: Values, r: Random) -> Outcome:
    text = values.draw(spec["value"], r)
    body: Any = number(text) if r.random() < 0.8 else text
    key = r.choice(spec["keys"])
    around = {key: body}
    if said and r.random() < 0.3:
        first = next(iter(said))
        around = {first: said[first], key: body}
    if r.random() < 0.12:
        around[r.choice(words()["keys"])] = values.draw("anything", r)
        return Outcome(show(around, r), verbal(around))
    shown = show(r.choice((around, around, {"result": body}, body, text)), r)
    return Outcome(shown, _filled(spec["says"], {**said, "x": text.strip()}), text)


def _list(spec: dict[str, Any], said: dict[str, str], values: Values, r: Random) -> Outcome:
    items = [values.draw(spec["value"], r) for _ in range(r.randint(0, spec["most"]))]
    key = spec["keys"][0]
    body: Any = r.choice(
        (items, items, {key: items}, {"results": items}, {"count": len(items), key: items})
    )
    if items and r.random() < 0.25:
        body = "\n".join(items)
    if not items:
        return Outcome(show(body, r), "I found nothing.")
    found = spec["says"].replace("{x}", _row(items))
    one = items[0] if len(items) == 1 else ""
    return Outcome(show(body, r), _filled(found, said), one, tuple(items))


def _done(says: str, said: dict[str, str], values: Values, r: Random) -> Outcome:
    draw = r.random()
    if draw < 0.55:
        return Outcome(show(r.choice(_DONE), r), _filled(says, said))
    if draw < 0.75:
        word = r.choice(words()["happened"])
        body: Any = r.choice((word, {"status": word}, {"state": word}))
        return Outcome(show(body, r), f"{_filled(says, said)} {verbal(body)}")
    body = {"id": values.draw("identifier", r)}
    if r.random() < 0.5:
        body["status"] = r.choice(words()["happened"])
    return Outcome(show(body, r), f"{_filled(says, said)} {verbal(body)}", body["id"])


def _weather(said: dict[str, str], values: Values, r: Random) -> Outcome:
    degrees, sky = r.randint(-20, 45), r.choice(words()["skies"])
    if r.random() < 0.1:
        sky = values.draw("token", r)
    unit = said.get("unit") or r.choice(("celsius", "fahrenheit"))
    body: dict[str, Any] = {}
    if r.random() < 0.35:
        body[r.choice(("city", "location", "place"))] = said["loc"]
    draw = r.random()
    if draw < 0.85:
        shown: Any = degrees if r.random() < 0.8 else str(degrees)
        body[r.choice(("temperature", "temp", "degrees", "temp_c", "celsius"))] = shown
    if draw > 0.2:
        body[r.choice(("conditions", "sky", "condition", "description", "weather"))] = sky
    if r.random() < 0.25:
        body["unit"] = unit
    if r.random() < 0.2:
        body[r.choice(("humidity", "wind", "feels_like"))] = r.choice((r.randint(1, 99), "strong"))
    if r.random() < 0.7:
        return Outcome(show(body, r), f"{copied(said['loc'])}: {_pairs(body, skip=True)}.")
    text = r.choice(
        (
            f"{degrees} degrees, {sky}",
            f"{sky}, {degrees}°C",
            f"{degrees}°F and {sky}",
            f"{sky}",
        )
    )
    return Outcome(show(text, r), f"{copied(said['loc'])}: {copied(text)}.")


def _any(given: dict[str, Value], values: Values, r: Random) -> Outcome:
    """A result of any shape, read out."""
    body, first = shaped(given, values, r)
    one = body[first] if isinstance(body, dict) and list(body) == [first] else body
    value = one if isinstance(one, str) and len(one) < 40 and "\n" not in one else ""
    rows = body if isinstance(body, list) else []
    items = tuple(one for one in rows if isinstance(one, str))
    return Outcome(show(body, r), verbal(body), value, items if len(items) == len(rows) else ())


def verbal(body: Any) -> str:
    """How a result is read out."""
    if isinstance(body, dict) and len(body) == 1:
        inner = next(iter(body.values()))
        if isinstance(inner, (dict, list)):
            body = inner
    if isinstance(body, dict):
        return _ended(_pairs(body)) if body else "It gave nothing back."
    if isinstance(body, list):
        if not body:
            return "I found nothing."
        rows = "; ".join(_pairs(x, skip=True) for x in body) if _has_rows(body) else _row(body)
        return _ended(f"I found {len(body)}: {rows}")
    text = _text(body).strip()
    lines = text.split("\n")
    if len(lines) > 5:
        return f"It has {len(lines)} lines. The first: {copied(lines[0])}"
    return f"The result is: {copied(text)}" if text else "It gave nothing back."


def _ended(said: str) -> str:
    """A sentence with its full stop, where what it copies does not bring one."""
    return said if plain(said).endswith(".") else f"{said}."


def _has_rows(body: list[Any]) -> bool:
    return isinstance(body[0], dict)


def _pairs(body: dict[str, Any], *, skip: bool = False) -> str:
    """ "The a is 1 and the b is 2", or, to be short, "a 1, b 2"."""
    said = [(key.replace("_", " "), _mark(value)) for key, value in body.items()]
    if skip:
        return ", ".join(f"{copied(key)} {value}" for key, value in said)
    parts = [f"the {copied(key)} is {value}" for key, value in said]
    parts[0] = "T" + parts[0][1:]
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def _mark(value: Any) -> str:
    if isinstance(value, list):
        return _row(value) if value else "nothing"
    if isinstance(value, dict):
        return _pairs(value, skip=True)
    return copied(_text(value).strip()) or "nothing"


def _row(items: list[Any]) -> str:
    said = [_mark(item) for item in items]
    return said[0] if len(said) == 1 else ", ".join(said[:-1]) + " and " + said[-1]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def failure(values: Values, r: Random, *, passing: bool) -> tuple[str, str]:
    """What a call that failed gives back, and the words of it that matter."""
    said = values.fill(r.choice(words()["passing" if passing else "lasting"]), r)
    if not passing:
        draw = r.random()
        subject = values.draw(r.choice(("token", "term", "path", "identifier")), r)
        if draw < 0.3:
            said = f"{subject}: {said}"
        elif draw < 0.4:
            said = f"'{subject}' {said}"
        elif draw < 0.6:
            said = values.draw(r.choice(("phrase", "jumble")), r)
    return wrapped(said, values, r), said


def wrapped(words: str, values: Values, r: Random) -> str:
    """An error's words as tools report them."""
    kind = r.choice(("invalid_arguments", "tool_error", "timeout", values.draw("token", r)))
    body: Any = r.choice(
        (
            f"Error: {words}",
            f"error: {words}",
            f"Tool failed: {words}",
            {"error": words},
            {"error": words},
            {"error": {"message": words}},
            {"error": {"type": kind, "message": words}},
            {"status": "error", "message": words},
            {"ok": False, "error": words},
            {"error": words, "tool": values.draw("thing", r)},
        )
    )
    return show(body, r)
