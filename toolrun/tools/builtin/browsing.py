"""How does the model browse? `browser()`: search, open and find, over pages that boxes read."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import anyio

from toolrun.extras import has, need
from toolrun.tools.builtin.code import not_called
from toolrun.tools.builtin.looking import Looking
from toolrun.tools.builtin.pages import CannotBrowse
from toolrun.tools.builtin.visits import FIND, OPEN, SEARCH
from toolrun.tools.builtin.web import Web
from toolrun.tools.decorator import Options
from toolrun.tools.definition import Tool, Toolset, check_options
from toolrun.tools.results import cut, shown
from toolrun.values import ToolResult

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from toolrun.tools.builtin.search import Search
    from toolrun.tools.work import Need, Serving
    from toolrun.values import Json

_CITE: Final = (
    "A display begins with its `cursor` in brackets, `[{cursor}]`, and each of its lines with its "
    "number, `L{line}: `. Cite what you take from it as `【{cursor}†L{first}-L{last}】` or "
    "`【{cursor}†L{line}】`, such as `【6†L9-L11】`."
)
_CURSOR: Final = {
    "type": "integer",
    "description": "Of the display that is meant; the latest one by default.",
    "default": -1,
}


def browser(
    search: Search | None = None,
    *,
    hosts: Sequence[str] = (),
    private_hosts: Sequence[str] = (),
    timeout: float = 30.0,
    approve: bool | Callable[[dict[str, Json]], bool] = False,
    max_output: int = 16 * 1024,
) -> Toolset:
    """The model's own `browser` tool: `browser_search`, `browser_open` and `browser_find`.

    Args:
        search: finds pages; without one there is no `browser_search`.
        hosts: of the web that may be opened, each with its port ("en.wikipedia.org:443",
            "*.example.org:443"); none by default.
        private_hosts: those that may be at private addresses, too.
        timeout: seconds that a call may take.
        approve: see `toolrun.tool`; it is asked for each of the three.
        max_output: bytes of a result that the model reads.

    Raises:
        MissingExtra: markdownify is not installed.
        ToolDefinitionError, ConfigError: an option is none that can be.
    """
    if not has("markdownify"):
        need("markdownify", "browser", "the browser")
    options = partial(Options, timeout=timeout, approve=approve, max_output=max_output)
    web = Web(hosts, private_hosts)
    make = partial(_tool, options=options, web=web, search=search)
    tools = [make(name=OPEN, do=_open), make(name=FIND, do=_find)]
    if search is not None:
        tools.insert(0, make(name=SEARCH, do=_search))
    return Toolset(tuple(tools))


class _Work:
    """What one of the three does."""

    def __init__(
        self, do: Callable[[Looking], Awaitable[str]], search: Search | None, web: Web, name: str
    ) -> None:
        self._do, self._search, self._web = do, search, web
        own = () if search is None else tuple(search.needs)
        self.needs: tuple[Need, ...] = own if name == SEARCH else (*own, *web.needs)

    async def run(self, serving: Serving) -> ToolResult:
        """Do it; what cannot be shown is a result that says why."""
        began = anyio.current_time()
        looking = Looking(serving, self._search, self._web)
        try:
            text = await self._do(looking)
        except CannotBrowse as error:
            said = cut(shown(error), serving.tool.options.max_output)
            return ToolResult(said, "error", round(anyio.current_time() - began, 6))
        return ToolResult(text, "ok", round(anyio.current_time() - began, 6))


async def _search(looking: Looking) -> str:
    given = looking.arguments
    return looking.show(await looking.searched(given["query"], given.get("topn", 10)))


async def _open(looking: Looking) -> str:
    page, loc = await looking.opened()
    given = looking.arguments
    asked = int(given.get("loc", -1))
    return looking.show(page, loc if asked < 0 else asked, int(given.get("num_lines", -1)))


async def _find(looking: Looking) -> str:
    return looking.show(await looking.matches())


_SEARCHES: Final = {
    "description": "Searches for `query`, and shows links to what was found. sources={source}.",
    "properties": {
        "query": {"type": "string"},
        "topn": {"type": "integer", "description": "How many links.", "default": 10},
        "source": {"type": "string", "description": "There is one; leave it out."},
    },
    "required": ["query"],
}
_OPENS: Final = {
    "description": (
        "Opens the link `id` of the display `cursor`, where links are shown as `【{id}†text】`; or "
        "the page of a URL, where `id` is one. Without `id` the display's own page is shown again, "
        "from the line `loc` on. {hosts}"
    ),
    "properties": {
        "id": {"type": ["integer", "string"], "default": -1},
        "cursor": _CURSOR,
        "loc": {"type": "integer", "description": "The first line to show.", "default": -1},
        "num_lines": {"type": "integer", "description": "How many lines.", "default": -1},
        "view_source": {"type": "boolean", "description": "As it is written.", "default": False},
        "source": {"type": "string", "description": "There is one; leave it out."},
    },
    "required": [],
}
_FINDS: Final = {
    "description": "Finds `pattern`, to the letter but for its case, in the page of a display.",
    "properties": {
        "pattern": {"type": "string", "minLength": 1},
        "cursor": _CURSOR,
    },
    "required": ["pattern"],
}
_SAID: Final[dict[str, dict[str, Any]]] = {SEARCH: _SEARCHES, OPEN: _OPENS, FIND: _FINDS}


def _tool(
    *,
    name: str,
    do: Callable[[Looking], Awaitable[str]],
    options: Callable[..., Options],
    web: Web,
    search: Search | None,
) -> Tool:
    work = _Work(do, search, web, name)
    said = _SAID[name]
    profile = work.needs[-1].profile if work.needs else "pure"
    chosen = options(name=name, profile=profile)
    check_options(name, chosen)
    source = "" if search is None else search.source
    told = said["description"].replace("{source}", source).replace("{hosts}", web.said)
    return Tool(
        name=name,
        description=f"{told.strip()} {_CITE}",
        parameters={
            "type": "object",
            "properties": said["properties"],
            "required": said["required"],
            "additionalProperties": False,
        },
        options=chosen,
        function=not_called,
        build=dict,
        source=None,
        builtin=True,
        work=work,
    )
