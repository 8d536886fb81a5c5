"""How does the browser search a folder of documents? In a box that sees it, read-only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from toolrun.errors import ConfigError
from toolrun.tools.builtin.search import Hit, boxed, hits_from, page_from
from toolrun.tools.work import Need

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.tools.builtin.pages import Page
    from toolrun.tools.work import Serving


class FolderSearch:
    """Searches the documents of a folder, and opens them; nothing else of this machine's files.

    Text, Markdown and HTML, at most 5,000 files; hidden ones and links out of it are passed over.

    Args:
        path: of the folder; read anew for each search, so it may change.

    Attributes:
        scheme: how the URLs of its pages begin.
        source: what it is called.
        needs: the sandbox that it reads in.

    Raises:
        ConfigError: it is no folder.
    """

    scheme = "folder:"

    def __init__(self, path: str | Path) -> None:
        folder = Path(path).expanduser().resolve()
        if not folder.is_dir():
            raise ConfigError(f"FolderSearch: {str(path)!r} is not a folder")
        self._folder = str(folder)
        self.source: str = folder.name
        self.needs: tuple[Need] = (Need("workspace-ro", folder),)

    async def search(self, query: str, topn: int, serving: Serving) -> Sequence[Hit]:
        """See `Search.search`."""
        arguments = {"folder": self._folder, "query": query, "most": topn}
        return hits_from(await boxed(serving, self.needs[0], "files:search", arguments))

    async def read(self, url: str, source: bool, serving: Serving) -> Page:  # noqa: FBT001 - see `Library`
        """What a page says, see `Library.read`.

        Args:
            url: of a page that was found.
            source: whether its source is wanted instead of its text.
            serving: the call that this is for.
        """
        arguments = {"folder": self._folder, "url": url, "source": source}
        return page_from(await boxed(serving, self.needs[0], "files:read", arguments))
