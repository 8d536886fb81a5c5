"""Which tools are meant? Those of `my_tools.py`, of a manifest, and the built-in ones by name.

`FILE:NAME` is one of a file; `python`, `browser`, `files` and `shell` ship.
"""

from __future__ import annotations

import difflib
import importlib.util
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from toolrun.errors import ConfigError
from toolrun.tools.decorator import MARK

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType
    from typing import TypeAlias

    from toolrun.config import Config
    from toolrun.tools.definition import Tool, Toolset

    Offered: TypeAlias = Callable[..., Any] | Tool

_MANIFESTS: Final = (".toml", ".json")
_PREFIX: Final = "builtin:"
BUILTINS: Final = ("browser", "files", "python", "shell")
"""What ships, by its name; `builtin:NAME` is the same, and takes no file of that name."""
_ON_A_FOLDER: Final = ("files", "shell")


def load_tools(
    references: Sequence[str], config: Config | None = None, *, listing: bool = False
) -> list[Offered]:
    """Import the files, read the manifests, and return their tools, in order, each once.

    Args:
        references: a path for all functions that `@tool` marks in a file, or all tools of a
            manifest; or `path:name` for one of them; or the name of a built-in one.
        config: the settings of the session, for built-in tools; None: none is known.
        listing: they are looked at, not used: no workspace is needed.

    Raises:
        ConfigError: no such file or name, a file that cannot be imported or holds no tool; a
            built-in tool lacks what it works on.
        ToolDefinitionError: a manifest whose tool cannot be offered.
        MissingExtra: the browser needs a package.
    """
    found: list[Offered] = []
    for reference in references:
        own = builtin_of(reference)
        tools = _loaded(*_split(reference)) if own is None else _own(own, config, listing=listing)
        for each in tools:
            if each not in found:
                found.append(each)
    return found


def builtin_of(reference: str) -> str | None:
    """The name of the built-in tool that is meant; None for a file."""
    name = reference.removeprefix(_PREFIX)
    return name if name in BUILTINS else None


def _own(name: str, config: Config | None, *, listing: bool) -> Sequence[Tool]:
    """The tools of a built-in name."""
    from toolrun.tools.definition import Tool

    if config is None or listing:
        made = _made(name, None, (), ())
    else:
        if name in _ON_A_FOLDER and config.workspace is None:
            raise ConfigError(
                f"tools {name}: works on a folder, and none is named: add --workspace . for "
                'this one, or workspace = "." to toolrun.toml'
            )
        made = _made(name, *(_to_browse(config) if name == "browser" else (None, (), ())))
    return (made,) if isinstance(made, Tool) else made.tools


@cache
def _made(
    name: str, folder: Path | None, hosts: tuple[str, ...], private_hosts: tuple[str, ...]
) -> Tool | Toolset:
    """A built-in tool, the same each time: a reference that is named twice is one tool."""
    from toolrun.tools import builtin

    match name:
        case "browser":
            search = None if folder is None else builtin.FolderSearch(folder)
            return builtin.browser(search, hosts=hosts, private_hosts=private_hosts)
        case "files":
            return builtin.files()
        case "shell":
            return builtin.shell()
        case _:
            return builtin.python()


def _to_browse(config: Config) -> tuple[Path | None, tuple[str, ...], tuple[str, ...]]:
    """The folder that the browser searches, and the hosts that it may open."""
    from toolrun.sandbox import load_profile

    profile = load_profile(config.profile)
    if config.workspace is None and profile.network == "none":
        raise ConfigError(
            "tools browser: there is nothing to browse: add --workspace DIR, a folder whose "
            "documents it searches, or a profile that names hosts "
            "(docs/how-to/reach-the-network.md)"
        )
    return config.workspace, profile.hosts, profile.private_hosts


def _loaded(path: Path, name: str) -> Sequence[Offered]:
    if path.suffix in _MANIFESTS:
        from toolrun.tools.manifest import load_manifest

        tools = load_manifest(path)
        return _listed(tools, path, name) if name else tools
    module = _imported(path)
    return _named(module, path, name) if name else _marked(module, path)


def _listed(tools: Sequence[Tool], path: Path, name: str) -> list[Tool]:
    """The tool of that name in a manifest."""
    if found := [each for each in tools if each.name == name]:
        return found
    raise _no_such(path, name, "tool", [each.name for each in tools])


def _no_such(path: Path, name: str, what: str, names: Sequence[str]) -> ConfigError:
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"its tools are {', '.join(names) or 'none'}"
    return ConfigError(f"tools {path.name}:{name}: there is no {what} {name!r} in it; {hint}")


def _split(reference: str) -> tuple[Path, str]:
    path, colon, name = reference.rpartition(":")
    if not colon or Path(reference).exists():
        path, name = reference, ""
    if not path.endswith((".py", *_MANIFESTS)):
        near = difflib.get_close_matches(reference.removeprefix(_PREFIX), BUILTINS, n=1)
        hint = f"did you mean {near[0]!r}? Else " if near else ""
        raise ConfigError(
            f"tools {reference!r}: {hint}give a Python file or a manifest, FILE.py, FILE.toml or "
            "FILE.json, or one of its tools, FILE.py:NAME; or what is built in: "
            f"{', '.join(BUILTINS)}"
        )
    file = Path(path).expanduser()
    if not file.is_file():
        raise ConfigError(f"tools {reference!r}: there is no file {path}")
    return file.resolve(), name


def _imported(path: Path) -> ModuleType:
    """The module of a file, under the name that `import` would give it, as sandboxes do."""
    name = path.stem
    if not name.isidentifier():
        raise ConfigError(
            f"tools {path.name}: {name!r} cannot be a module's name; rename the file, "
            f"such as {''.join(c if c.isalnum() else '_' for c in name)}.py"
        )
    if (known := sys.modules.get(name)) is not None:
        if getattr(known, "__file__", None) and Path(str(known.__file__)).resolve() == path:
            return known
        raise ConfigError(f"tools {path}: a module {name!r} is loaded already; rename the file")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))  # as for a script: its neighbours can be imported
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ConfigError(f"tools {path}: {_where(error, path)}") from error
    return module


def _where(error: Exception, path: Path) -> str:
    """What an import met, and in which line of the file."""
    line = error.lineno if isinstance(error, SyntaxError) else None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    at = f"line {line}: " if line else ""
    return f"{at}{type(error).__name__}: {error}"


def _marked(module: ModuleType, path: Path) -> list[Callable[..., Any]]:
    marked = [value for value in vars(module).values() if hasattr(value, MARK)]
    if not marked:
        raise ConfigError(
            f"tools {path.name}: no function in it is marked as a tool; write `@tool` above one "
            "(from toolrun import tool), or name a function: "
            f"{path.name}:NAME"
        )
    return marked


def _named(module: ModuleType, path: Path, name: str) -> list[Callable[..., Any]]:
    value = getattr(module, name, None)
    if callable(value):
        return [value]
    names = [each for each, there in vars(module).items() if hasattr(there, MARK)]
    raise _no_such(path, name, "function", names)
