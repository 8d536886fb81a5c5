"""Which shapes do results have that no sentence of their own is known for?"""

from __future__ import annotations

import json
import tomllib
from functools import cache
from typing import TYPE_CHECKING, Any

from tests.rig.nano.values import DATA

if TYPE_CHECKING:
    from random import Random

    from tests.rig.nano.tools import Value
    from tests.rig.nano.values import Values

_WEIGHTS = {
    "flat": 24, "text": 11, "word": 6, "scalar": 8, "one": 10, "rows": 5, "items": 9, "inside": 4,
    "output": 4, "echo": 4, "long": 3, "typed": 26, "single": 12, "sentence": 12, "told": 6,
    "measure": 8, "lines": 6, "csv": 4, "bullets": 3, "truth": 6, "nothing": 3, "nested": 6,
    "records": 7, "envelope": 6, "alone": 12,
}  # fmt: skip
_NOTHING: tuple[Any, ...] = ([], {}, {"results": []}, {"items": []}, None, "", {"matches": []}, [])
_TRUTHS: tuple[Any, ...] = (True, False, "true", "false", "yes", "no", "True", "False")
_BOXES = ("data", "result", "response", "output", "details", "info")
_LISTS = ("results", "items", "data", "matches", "entries", "rows", "list", "hits")


@cache
def words() -> dict[str, list[str]]:
    """What `data/results.toml` says."""
    return tomllib.loads((DATA / "results.toml").read_text())


def number(text: str) -> Any:
    """A text as the number that it is, else as it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def shaped(given: dict[str, Value], values: Values, r: Random) -> tuple[Any, str]:
    """A result of any shape, and the key of the one value in it where there is but one."""
    shape = r.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
    keys = r.sample(words()["keys"], r.randint(1, 4))
    if r.random() < 0.3:
        keys[0] = r.choice((values.draw("token", r), f"{values.draw('thing', r)}_{keys[-1]}"))
    flat = {key: scalar(values, r) for key in keys}
    first = next(iter(flat))
    if shape in _OLD:
        return _OLD[shape](flat, given, values, r), first
    if shape in _NEW:
        return _NEW[shape](values, r), first
    typed = pairs(values, r, 1 if shape == "single" else r.randint(2, 4))
    return typed, next(iter(typed))


def scalar(values: Values, r: Random) -> Any:
    """A text, a number, a truth or nothing."""
    draw = r.random()
    if draw < 0.08:
        return r.random() < 0.5
    if draw < 0.1:
        return None
    text = values.draw("anything", r)
    return number(text) if r.random() < 0.9 else text


def pairs(values: Values, r: Random, count: int) -> dict[str, Any]:
    """Keys with values such as they have."""
    found: dict[str, Any] = {}
    for line in r.sample(words()["typed"], count):
        key, _, rule = line.partition(": ")
        text = values.fill(rule, r)
        found[key] = text if key.endswith(("id", "code")) or r.random() < 0.1 else number(text)
    return found


def _rows(flat: dict[str, Any], values: Values, r: Random) -> Any:
    rows = [{key: scalar(values, r) for key in list(flat)[:2]} for _ in range(r.randint(1, 3))]
    return r.choice((rows, {r.choice(_LISTS): rows}))


def _items(flat: dict[str, Any], values: Values, r: Random) -> Any:
    items = [values.draw(r.choice(("token", "anything")), r) for _ in range(r.randint(0, 4))]
    return r.choice((items, items, {r.choice(("results", "items", next(iter(flat)))): items}))


def _long(values: Values, r: Random) -> str:
    count = r.randint(6, 14)
    return "\n".join(values.draw("text", r).replace("\n", " ") for _ in range(count))


def _echoed(flat: dict[str, Any], given: dict[str, Value]) -> dict[str, Any]:
    return {**{key: value.said for key, value in list(given.items())[:1]}, **flat}


_OLD: dict[str, Any] = {
    "flat": lambda flat, _given, _values, _r: flat,
    "text": lambda _flat, _given, values, r: values.draw(
        r.choice(("jumble", "text", "headline")), r
    ),
    "word": lambda _flat, _given, values, r: r.choice(
        (r.choice(words()["happened"]), values.draw("output", r))
    ),
    "scalar": lambda _flat, _given, values, r: scalar(values, r),
    "one": lambda flat, _given, _values, _r: dict([next(iter(flat.items()))]),
    "rows": lambda flat, _given, values, r: _rows(flat, values, r),
    "items": lambda flat, _given, values, r: _items(flat, values, r),
    "inside": lambda flat, _given, _values, r: {r.choice(_BOXES[:3]): flat},
    "output": lambda _flat, _given, values, r: {"stdout": values.draw("output", r), "exit_code": 0},
    "echo": lambda flat, given, _values, _r: _echoed(flat, given),
    "long": lambda _flat, _given, values, r: _long(values, r),
}
"""What is made of values by their keys, or of what the call was given."""


def _records(values: Values, r: Random) -> list[dict[str, Any]]:
    """Some things of one kind."""
    lines = r.sample(words()["typed"], r.choice((2, 2, 3)))
    rules = [line.partition(": ") for line in lines]
    return [
        {key: number(values.fill(rule, r)) for key, _, rule in rules}
        for _ in range(r.randint(1, 3))
    ]


def _table(values: Values, r: Random) -> str:
    """Lines of values between commas, below the names of the columns."""
    rows = _records(values, r)
    lines = [",".join(rows[0]), *(",".join(map(_plain, row.values())) for row in rows)]
    return "\n".join(lines)


def _plain(value: Any) -> str:
    return value.replace(",", "") if isinstance(value, str) else json.dumps(value)


def _measure(values: Values, r: Random) -> Any:
    """A number with its unit."""
    text, unit = values.draw("amount", r), r.choice(words()["units"])
    key = r.choice(words()["measured"])
    joined = text + unit if unit in "%°C" else f"{text} {unit}"
    return r.choice((joined, joined, {key: joined}, {key: number(text), "unit": unit}))


def _nested(values: Values, r: Random) -> dict[str, Any]:
    """An object in an object, beside a value or alone."""
    inner: Any = pairs(values, r, r.randint(1, 3))
    if r.random() < 0.25:
        inner = [values.draw("anything", r) for _ in range(r.randint(1, 3))]
    box = r.choice((values.draw("thing", r), *_BOXES))
    before = pairs(values, r, r.randint(0, 2))
    before.pop(box, None)
    return {**before, box: inner} if r.random() < 0.7 else {box: inner, **before}


def _listed(values: Values, r: Random) -> Any:
    rows = _records(values, r)
    key = r.choice(_LISTS)
    return r.choice((rows, {key: rows}, {"count": len(rows), key: rows}))


def _sentence(values: Values, r: Random) -> str:
    return values.fill(r.choice(words()["sentences"]), r)


def _enveloped(values: Values, r: Random) -> dict[str, Any]:
    """A result as services wrap it: how it went, then what came out."""
    went = r.choice(
        ({"ok": True}, {"status": "ok"}, {"success": True}, {"code": 200}, {"error": None})
    )
    return {**went, r.choice(_BOXES): pairs(values, r, r.randint(1, 2))}


_NEW: dict[str, Any] = {
    "sentence": _sentence,
    "told": lambda values, r: {
        r.choice(("message", "text", "answer", "note")): _sentence(values, r)
    },
    "measure": _measure,
    "alone": lambda values, r: next(iter(pairs(values, r, 1).values())),
    "lines": lambda values, r: "\n".join(
        f"{key}: {_plain(value)}" for key, value in pairs(values, r, r.randint(2, 4)).items()
    ),
    "csv": _table,
    "bullets": lambda values, r: "\n".join(
        f"{r.choice('-*')} {values.draw('anything', r)}" for _ in range(r.randint(2, 4))
    ),
    "truth": lambda values, r: r.choice(
        (r.choice(_TRUTHS), {r.choice(words()["truths"]): r.random() < 0.5})
    ),
    "nothing": lambda _values, r: r.choice(_NOTHING),
    "nested": _nested,
    "records": _listed,
    "envelope": _enveloped,
}
"""What is made of keys with values such as they have, and of sentences."""
