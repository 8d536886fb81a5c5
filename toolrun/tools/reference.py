"""Which function does `module:qualname` in a manifest name?"""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from toolrun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Reference(Struct, frozen=True):
    """A function by its name, looked for in a folder first, then where Python imports from.

    Attributes:
        where: what an error begins with.
    """

    folder: Path
    module: str
    qualname: str
    where: str

    def file(self) -> Path:
        """The file of the module, which is not imported.

        Raises:
            ConfigError: there is none, or no such name in it.
        """
        file = self._file()
        names = _names(file, self.where)
        first = self.qualname.partition(".")[0]
        if names and first not in names:
            raise self._no_name(first, names)
        return file

    def imported(self) -> Callable[..., Any]:
        """The function itself; the folder is put at the end of `sys.path`.

        Raises:
            ConfigError: it cannot be imported, or there is no such name.
        """
        file = self._file()
        if file.is_relative_to(self.folder) and str(self.folder) not in sys.path:
            sys.path.append(str(self.folder))
        try:
            module = importlib.import_module(self.module)
        except Exception as error:
            raise ConfigError(
                f"{self.where}{self.module} cannot be imported: {type(error).__name__}: {error}"
            ) from error
        if Path(str(module.__file__)).resolve() != file:
            raise ConfigError(
                f"{self.where}a module {self.module!r} is imported from {module.__file__} already; "
                f"rename {file.name}"
            )
        found: Any = module
        for part in self.qualname.split("."):
            if not hasattr(found, part):
                raise self._no_name(part, dir(found))
            found = getattr(found, part)
        function: Callable[..., Any] = found
        return function

    def _file(self) -> Path:
        beside = self.folder.joinpath(*self.module.split("."))
        for file in (beside.with_suffix(".py"), beside / "__init__.py"):
            if file.is_file():
                return file
        try:
            spec = importlib.util.find_spec(self.module)
        except (ImportError, ValueError) as error:
            raise ConfigError(f"{self.where}there is no module {self.module!r}: {error}") from error
        if spec is None:
            raise ConfigError(
                f"{self.where}there is no module {self.module!r} in {self.folder}, nor where "
                "Python imports from"
            )
        if spec.origin is None or not spec.origin.endswith(".py"):
            raise ConfigError(f"{self.where}{self.module} has no .py file")
        return Path(spec.origin).resolve()

    def _no_name(self, name: str, names: Iterable[str]) -> ConfigError:
        offered = [each for each in names if each[0] != "_"]
        near = difflib.get_close_matches(name, offered, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return ConfigError(f"{self.where}{self.module} has no {name!r}{hint}")


def _names(file: Path, where: str) -> set[str]:
    """The names at the top of a file; none where not all can be known without running it."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError) as error:
        raise ConfigError(f"{where}{file} is not Python: {error}") from error
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            return set()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).partition(".")[0])
    return found
