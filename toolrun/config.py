"""Which settings hold? Defaults < `toolrun.toml` < `TOOLRUN_*` variables < arguments.

Every source is checked by `schemas/config.schema.json`. `OPENAI_API_KEY` and `OPENAI_BASE_URL` are
never read: a key meant for one server must not reach another.
"""

from __future__ import annotations

import difflib
import math
import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
from msgspec import Struct

from toolrun import resources
from toolrun.embedded import NANO, without_server
from toolrun.errors import ConfigError
from toolrun.limits import Limits, Prices
from toolrun.values import Sampling

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jsonschema.exceptions import ValidationError

FILE: Final = "toolrun.toml"
PREFIX: Final = "TOOLRUN_"
MASK: Final = "***"
_NESTED: Final = "limits"
_TRACE: Final = "trace"
_PRICES: Final = "prices"
_PRICED: Final = (
    'a table of each model fits, of numbers from 0 for a million tokens: [prices."MODEL"] '
    "prompt = 0.05, completion = 0.2, cached = 0.01"
)
_PATHS: Final = ("workspace", "trace")
_CUTOFF: Final = 0.7
_SHOWN: Final = 60
_SQLITE: Final = "sqlite:///"
_USERINFO: Final = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_STORES: Final = re.compile(r"(?<=://).+(?=@)|(?<=password=)[^&]+")
"""What may be, or hold, the password of a store."""
_BUILTIN: Final = re.compile(r"(?:builtin:)?\w+")
"""A tool that ships, by its name; all others are files."""
_KINDS: Final = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list of texts",
    "object": "a table (in a variable: a JSON object)",
}


class Config(Struct, frozen=True, kw_only=True):
    """The settings of a session, as files, environment and command line give them.

    Each field is described in `schemas/config.schema.json`. The key is in no text of it.
    `recording` has what a table `trace` says beside the path, as a `Recording` takes it.
    `base_url` is `EMBEDDED` where the model is the one that comes with toolrun.
    """

    model: str = "openai/gpt-oss-20b"
    base_url: str | tuple[str, ...] = "http://localhost:8000/v1"
    via: Literal["auto", "chat", "responses", "harmony"] = "auto"
    dialect: str | None = None
    api_key: str | None = None
    effort: Literal["low", "medium", "high"] | None = None
    instructions: str | None = None
    profile: str | dict[str, Any] = "pure"
    workspace: Path | None = None
    backend: str | None = None
    tools: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    limits: Limits = Limits()
    trace: Path | None = None
    recording: dict[str, Any] = {}
    store: str | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    extra_body: dict[str, Any] = {}
    prices: dict[str, Prices] = {}

    @property
    def base_urls(self) -> tuple[str, ...]:
        """The servers, one or several."""
        return (self.base_url,) if isinstance(self.base_url, str) else self.base_url

    @property
    def sampling(self) -> Sampling:
        """The sampling parameters."""
        return Sampling(self.temperature, self.top_p, self.max_tokens, self.seed)

    def __repr__(self) -> str:
        """The settings that are not defaults, without secrets."""
        default = msgspec.structs.asdict(Config())
        given = {
            key: value
            for key, value in msgspec.structs.asdict(self).items()
            if value != default[key]
        }
        if "api_key" in given:
            given["api_key"] = MASK
        if "store" in given:
            given["store"] = _STORES.sub(MASK, given["store"])
        if "base_url" in given:
            shown = [_USERINFO.sub(MASK, url) for url in self.base_urls]
            given["base_url"] = shown[0] if isinstance(self.base_url, str) else shown
        return f"Config({', '.join(f'{key}={value!r}' for key, value in given.items())})"


def load_config(
    path: Path | None = None,
    *,
    env: Mapping[str, str] | None = None,
    embedded: bool = False,
    **arguments: Any,
) -> Config:
    """Put the settings together.

    Args:
        path: the file; `toolrun.toml` in the current folder, where there is one, if None.
        env: the environment; this process's if None. An empty variable counts as not set.
        embedded: whether the embedded model is meant where neither a model nor a server is named.
        **arguments: by key; those of a table with an underscore (`limits_steps`). None stands for
            not given.

    Raises:
        ConfigError: a key that does not exist or a value that does not fit; the message names the
            file or variable, the key, what was seen and what would fit.
    """
    merged: dict[str, Any] = {}
    limits: dict[str, Any] = {}
    recording: dict[str, Any] = {}
    layers = [
        _from_file(path),
        _from_environment(os.environ if env is None else env),
        _from_arguments(arguments),
    ]
    if embedded and not any(key in layer for layer in layers for key in ("model", "base_url")):
        layers.insert(0, {"model": NANO})
    for layer in layers:
        limits |= layer.get(_NESTED, {})
        recording |= _recording(layer)
        merged |= layer
    if math.isinf(limits.get("seconds", 0)):
        limits["seconds"] = None
    merged |= without_server(layers)
    whole = merged | {_NESTED: limits, "recording": recording}
    return msgspec.convert(whole, Config, dec_hook=_path)


def _recording(layer: dict[str, Any]) -> dict[str, Any]:
    """What a layer's table `trace` says beside the path, which is left in its place.

    Another path, of a later layer, leaves it as it is: what must not be written still must not.
    """
    if not isinstance(layer.get(_TRACE), dict):
        return {}
    table = dict(layer.pop(_TRACE))
    if "path" in table:
        layer[_TRACE] = table.pop("path")
    return table


def _path(kind: type, value: object) -> object:
    """What msgspec asks for where a field is a `Path`."""
    assert kind is Path
    return Path(str(value))


def _from_file(path: Path | None) -> dict[str, Any]:
    file = path or Path(FILE)
    if path is None:
        if not file.exists():
            return {}
        _refuse_strangers(file)
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: not TOML: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}") from error
    _refuse_unknown(table, str(file))
    _check(table, lambda key: f"{file}: {key}")
    return _from_folder(table, file.parent)


def _refuse_strangers(file: Path) -> None:
    """Refuse a file that somebody else has laid into a folder that is not theirs, such as /tmp.

    Nobody named it, and it says which code is imported and which server gets the key.

    Raises:
        ConfigError: its owner is neither this user, nor root, nor whom the folder belongs to.
    """
    try:
        owner, folders = file.stat().st_uid, file.parent.stat().st_uid
    except OSError:
        return  # reading it tells why
    if owner not in (os.geteuid(), 0, folders):
        raise ConfigError(
            f"{file}: belongs to another user (uid {owner}), in a folder that is not theirs, and "
            f"could make tools of this session run anything; where you trust it: --config {file}"
        )


def _from_folder(table: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The table with its paths made to start at the folder of its file."""
    placed = dict(table)
    for key in _PATHS:
        if isinstance(placed.get(key), str):
            placed[key] = _placed(placed[key], folder)
    if isinstance(trace := placed.get(_TRACE), dict) and "path" in trace:
        placed[_TRACE] = {**trace, "path": _placed(trace["path"], folder)}
    if isinstance(store := placed.get("store"), str) and store.startswith(_SQLITE):
        placed["store"] = f"{_SQLITE}{_placed(store.removeprefix(_SQLITE), folder)}"
    if "tools" in placed:
        placed["tools"] = [
            each if _BUILTIN.fullmatch(each) else _placed(each, folder)
            for each in one_by_one(placed["tools"])
        ]
    if "profile" in placed:
        placed["profile"] = _profile_placed(placed["profile"], folder)
    return placed


def _profile_placed(profile: Any, folder: Path) -> Any:
    """A profile whose file, or that which its table extends, starts at the folder."""
    if isinstance(profile, dict):
        extended = profile.get("extends", "pure")
        return {**profile, "extends": _profile_placed(extended, folder)}
    is_path = isinstance(profile, str) and (profile.endswith(".toml") or "/" in profile)
    return _placed(profile, folder) if is_path else profile


def one_by_one(tools: list[str]) -> list[str]:
    """The tools of a list in which a text may name several, separated by commas."""
    parts = (each.split(",") if not Path(each).exists() else [each] for each in tools)
    return [part.strip() for each in parts for part in each if part.strip()]


def _placed(path: str, folder: Path) -> str:
    return str(folder / Path(path).expanduser())


def _from_environment(env: Mapping[str, str]) -> dict[str, Any]:
    variables = {f"{PREFIX}{key.replace('.', '_').upper()}": key for key in _known()}
    table: dict[str, Any] = {}
    for variable, text in env.items():
        if not variable.startswith(PREFIX) or not text:
            continue
        if (key := variables.get(variable)) is not None:
            _put(table, key, _typed(text, _schema_of(key)))
        elif near := _nearest(variable.removeprefix(PREFIX), [v[len(PREFIX) :] for v in variables]):
            # Only a near miss is refused: others, such as those that Kubernetes sets for a
            # service of that name, are none of ours.
            raise ConfigError(f"unknown variable {variable}; did you mean {PREFIX}{near}?")
    _check(table, lambda key: f"{PREFIX}{key.replace('.', '_').upper()}")
    return table


def _typed(text: str, schema: dict[str, Any]) -> object:
    """The value that a variable's text stands for; the text itself where it is none."""
    try:
        match schema.get("type"):
            case "integer":
                return int(text)
            case "number":
                return float(text)
            case "array" | ["string", "array"] as kind if kind == "array" or "," in text:
                return [part.strip() for part in text.split(",") if part.strip()]
            case "object":
                return msgspec.json.decode(text)
            case [*kinds] if "object" in kinds and text.startswith("{"):
                return msgspec.json.decode(text)
    except ValueError:  # msgspec's errors are among them
        pass
    return text


def _from_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    names = {key.replace(".", "_"): key for key in _known()}
    table: dict[str, Any] = {}
    for name, value in arguments.items():
        if name not in names:
            near = _nearest(name, list(names))
            hint = f"; did you mean {near!r}?" if near else ""
            raise ConfigError(f"unknown setting {name!r}{hint}")
        if value is not None:
            _put(table, names[name], _plain(value))
    _check(table, lambda key: key.replace(".", "_"))
    if "tools" in table:
        table["tools"] = one_by_one(table["tools"])
    return table


def _plain(value: object) -> object:
    """An argument as the JSON value that the schema checks."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return value


def _put(table: dict[str, Any], key: str, value: object) -> None:
    if key.startswith(f"{_NESTED}."):
        table.setdefault(_NESTED, {})[key.removeprefix(f"{_NESTED}.")] = value
    else:
        table[key] = value


def _known() -> list[str]:
    """Every key, those of a table with a dot."""
    properties = resources.schema("config")["properties"]
    inner = [f"{_NESTED}.{key}" for key in properties[_NESTED]["properties"]]
    return [key for key in properties if key != _NESTED] + inner


def _schema_of(key: str) -> dict[str, Any]:
    found: dict[str, Any] = resources.schema("config")
    for part in key.split("."):
        found = found["properties"][part]
    return found


def _refuse_unknown(table: dict[str, Any], source: str) -> None:
    known = _known()
    limits = table.get(_NESTED)
    keys = [key for key in table if key != _NESTED]
    keys += [f"{_NESTED}.{key}" for key in limits] if isinstance(limits, dict) else []
    trace = table.get(_TRACE)
    keys += [f"{_TRACE}.{key}" for key in trace] if isinstance(trace, dict) else []
    known += [f"{_TRACE}.{key}" for key in _schema_of(_TRACE)["properties"]]
    for key in keys:
        if key in known:
            continue
        near = _nearest(key, known)
        hint = f"; did you mean {near!r}?" if near else f"; known are {', '.join(known)}"
        raise ConfigError(f"{source}: unknown key {key!r}{hint}")


def _nearest(word: str, known: list[str]) -> str | None:
    by_name = {name.lower().rpartition(".")[2]: name for name in known}
    by_name |= {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), by_name, n=1, cutoff=_CUTOFF)
    return by_name[close[0]] if close else None


def _check(table: dict[str, Any], name: Callable[[str], str]) -> None:
    """Check one source by the schema; `name` is how a key of it is called there."""
    if not table:
        return
    # Late: importing jsonschema takes longer than all the rest of this module.
    import jsonschema

    errors = jsonschema.Draft202012Validator(resources.schema("config")).iter_errors(table)
    if (error := jsonschema.exceptions.best_match(errors)) is not None:
        raise ConfigError(_misfit(error, name)) from None
    for key in _known():
        part, _, leaf = key.rpartition(".")
        home = table.get(part, {}) if part else table
        value = home.get(leaf)
        if not isinstance(value, float):
            continue
        if not math.isfinite(value) and not (key == "limits.seconds" and value == math.inf):
            raise ConfigError(f"{name(key)} is {value}; {_fitting(_schema_of(key))} fits")
        if _schema_of(key)["type"] == "integer":  # 2.0 is an integer to JSON Schema
            home[leaf] = int(value)


def _misfit(error: ValidationError, name: Callable[[str], str]) -> str:
    path = [str(part) for part in error.absolute_path]
    if path[:1] == [_PRICES]:
        where = "".join(f" {part!r}:" for part in path[1:])
        return f"{name(_PRICES)}:{where} {error.message}; {_PRICED}"
    key = ".".join(path[:2] if path[:1] in ([_NESTED], [_TRACE]) else path[:1])
    schema = _schema_of(key)
    seen = "does not fit" if key in ("api_key", "store") else f"is {_shown(error.instance)}"
    hint = ""
    if "enum" in schema and isinstance(error.instance, str):
        near = _nearest(error.instance, schema["enum"])
        hint = f" (did you mean {near!r}?)" if near else ""
    return f"{name(key)} {seen}; {_fitting(schema)} fits{hint}"


def _shown(value: object) -> str:
    text = _USERINFO.sub(MASK, repr(value))
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
