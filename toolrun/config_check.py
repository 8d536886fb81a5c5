"""Do the settings of a source fit, and if not: what would?

By `schemas/config.schema.json`; what a person reads of it are words of its own, not JSON Schema's.
"""

from __future__ import annotations

import difflib
import math
import re
from typing import TYPE_CHECKING, Any, Final

from toolrun import resources
from toolrun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from jsonschema.exceptions import ValidationError

MASK: Final = "***"
NESTED: Final = "limits"
TRACE: Final = "trace"
USERINFO: Final = re.compile(r"(?<=://)[^/@\s]+(?=@)")
"""What may be, or hold, the password of a server."""
_PRICES: Final = "prices"
_PRICED: Final = (
    'a table of each model fits, of numbers from 0 for a million tokens: [prices."MODEL"] '
    "prompt = 0.05, completion = 0.2, cached = 0.01"
)
_CUTOFF: Final = 0.7
_SHOWN: Final = 60
_KINDS: Final = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list of texts",
    "object": "a table (in a variable: a JSON object)",
}


def refuse_unknown(table: dict[str, Any], source: str) -> None:
    """Refuse a key that does not exist.

    Args:
        table: what a source says.
        source: how an error calls it.

    Raises:
        ConfigError: there is one; the message names it, and the nearest that exists.
    """
    names = known()
    limits = table.get(NESTED)
    keys = [key for key in table if key != NESTED]
    keys += [f"{NESTED}.{key}" for key in limits] if isinstance(limits, dict) else []
    trace = table.get(TRACE)
    keys += [f"{TRACE}.{key}" for key in trace] if isinstance(trace, dict) else []
    names += [f"{TRACE}.{key}" for key in schema_of(TRACE)["properties"]]
    for key in keys:
        if key in names:
            continue
        near = nearest(key, names)
        hint = f"; did you mean {near!r}?" if near else f"; known are {', '.join(names)}"
        raise ConfigError(f"{source}: unknown key {key!r}{hint}")


def check(table: dict[str, Any], name: Callable[[str], str]) -> None:
    """Check one source by the schema.

    Args:
        table: what it says; whole numbers that are written as 2.0 become 2.
        name: how a key of it is called there.

    Raises:
        ConfigError: a value does not fit; the message names the key, what was seen, what would fit.
    """
    if not table:
        return
    # Late: importing jsonschema takes longer than all the rest of this module.
    import jsonschema

    errors = jsonschema.Draft202012Validator(resources.schema("config")).iter_errors(table)
    if (error := jsonschema.exceptions.best_match(errors)) is not None:
        raise ConfigError(_misfit(error, name)) from None
    for key in known():
        part, _, leaf = key.rpartition(".")
        home = table.get(part, {}) if part else table
        value = home.get(leaf)
        if not isinstance(value, float):
            continue
        if not math.isfinite(value) and not (key == "limits.seconds" and value == math.inf):
            raise ConfigError(f"{name(key)} is {value}; {_fitting(schema_of(key))} fits")
        if schema_of(key)["type"] == "integer":  # 2.0 is an integer to JSON Schema
            home[leaf] = int(value)


def known() -> list[str]:
    """Every key, those of a table with a dot."""
    properties = resources.schema("config")["properties"]
    inner = [f"{NESTED}.{key}" for key in properties[NESTED]["properties"]]
    return [key for key in properties if key != NESTED] + inner


def schema_of(key: str) -> dict[str, Any]:
    """The schema of a key; one of a table has a dot."""
    found: dict[str, Any] = resources.schema("config")
    for part in key.split("."):
        found = found["properties"][part]
    return found


def nearest(word: str, names: list[str]) -> str | None:
    """The name that is nearly this one; None where none is."""
    by_name = {name.lower().rpartition(".")[2]: name for name in names}
    by_name |= {name.lower(): name for name in names}
    close = difflib.get_close_matches(word.lower(), by_name, n=1, cutoff=_CUTOFF)
    return by_name[close[0]] if close else None


def _misfit(error: ValidationError, name: Callable[[str], str]) -> str:
    path = [str(part) for part in error.absolute_path]
    if path[:1] == [_PRICES]:
        where = "".join(f" {part!r}:" for part in path[1:])
        return f"{name(_PRICES)}:{where} {error.message}; {_PRICED}"
    key = ".".join(path[:2] if path[:1] in ([NESTED], [TRACE]) else path[:1])
    schema = schema_of(key)
    seen = "does not fit" if key in ("api_key", "store") else f"is {_shown(error.instance)}"
    hint = ""
    if "enum" in schema and isinstance(error.instance, str):
        near = nearest(error.instance, schema["enum"])
        hint = f" (did you mean {near!r}?)" if near else ""
    return f"{name(key)} {seen}; {_fitting(schema)} fits{hint}"


def _shown(value: object) -> str:
    text = USERINFO.sub(MASK, repr(value))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _fitting(schema: dict[str, Any]) -> str:
    """What a schema takes, in words."""
    if "enum" in schema:
        return f"one of {', '.join(schema['enum'])}"
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    words = " or ".join(_KINDS[kind] for kind in kinds)
    if "pattern" in schema and schema["pattern"].startswith("^https?"):
        words = "a URL that begins with http:// or https://"
        words += " (or a list of different ones)" if "array" in kinds else ""
    elif "pattern" in schema and schema["pattern"].startswith("^(sqlite"):
        words = "a URL that begins with sqlite:/// or postgresql://"
    elif schema.get("minLength"):
        words += ", not empty,"
    bounds = (("minimum", "from {}"), ("exclusiveMinimum", "above {}"), ("maximum", "up to {}"))
    for key, phrase in bounds:
        if key in schema:
            words += f" {phrase.format(schema[key])}"
    return words
