"""Which tools are there out of the box? `python`, `browser`, `files` and `shell`.

Pass them as tools: `Session(tools=[python(), browser(search=FolderSearch("docs/"))])`, and those
that work on a folder with it: `Session(tools=[files(), shell()], workspace=".")`. Imported at first
use: a box that reads a page loads this package too.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from toolrun.tools.builtin.browsing import browser as browser
    from toolrun.tools.builtin.code import python as python
    from toolrun.tools.builtin.filing import files as files
    from toolrun.tools.builtin.folder import FolderSearch as FolderSearch
    from toolrun.tools.builtin.search import Hit as Hit
    from toolrun.tools.builtin.search import Search as Search
    from toolrun.tools.builtin.searxng import SearxngSearch as SearxngSearch
    from toolrun.tools.builtin.shelling import shell as shell

_HOME_OF = {
    "FolderSearch": "folder",
    "Hit": "search",
    "Search": "search",
    "SearxngSearch": "searxng",
    "browser": "browsing",
    "files": "filing",
    "python": "code",
    "shell": "shelling",
}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605 - one table, no second list to keep in step


def __getattr__(name: str) -> Any:
    """Import a name from its home."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'toolrun.tools.builtin' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return __all__
