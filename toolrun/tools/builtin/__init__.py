"""Which tools are there out of the box? `python`, `browser`, `files` and `shell`.

Pass them as tools: `Session(tools=[python(), browser(search=FolderSearch("docs/"))])`, and those
that work on a folder with it: `Session(tools=[files(), shell()], workspace=".")`. Imported at first
use: a box that reads a page loads this package too.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from toolrun.tools.builtin.browsing import browser as browser
    from toolrun.tools.builtin.changing import change_of as change_of
    from toolrun.tools.builtin.changing import shows_changes as shows_changes
    from toolrun.tools.builtin.code import python as python
    from toolrun.tools.builtin.filing import files as files
    from toolrun.tools.builtin.folder import FolderSearch as FolderSearch
    from toolrun.tools.builtin.pages import Page as Page
    from toolrun.tools.builtin.search import Hit as Hit
    from toolrun.tools.builtin.search import Search as Search
    from toolrun.tools.builtin.searxng import SearxngSearch as SearxngSearch
    from toolrun.tools.builtin.shelling import shell as shell
    from toolrun.tools.work import Need as Need
    from toolrun.tools.work import Serving as Serving

    __all__: list[str]
else:
    from toolrun.exports import offered

    __all__, __getattr__, __dir__ = offered(
        __name__,
        {
            "toolrun.tools.builtin.browsing": ("browser",),
            "toolrun.tools.builtin.changing": ("change_of", "shows_changes"),
            "toolrun.tools.builtin.code": ("python",),
            "toolrun.tools.builtin.filing": ("files",),
            "toolrun.tools.builtin.folder": ("FolderSearch",),
            "toolrun.tools.builtin.pages": ("Page",),
            "toolrun.tools.builtin.search": ("Hit", "Search"),
            "toolrun.tools.builtin.searxng": ("SearxngSearch",),
            "toolrun.tools.builtin.shelling": ("shell",),
            "toolrun.tools.work": ("Need", "Serving"),
        },
    )
