"""How does the browser search the web? By a SearXNG, or whatever gives the same JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from toolrun.errors import ConfigError
from toolrun.tools.builtin.search import Hit, boxed, hits_from
from toolrun.tools.work import Need

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.tools.work import Serving

_SECONDS = 15.0


class SearxngSearch:
    """Searches by a SearXNG-compatible service; `json` must be among its formats.

    It is asked from a box that reaches it and nothing else.

    Args:
        url: of its search ("http://localhost:8080/search"); it may be at a private address.

    Attributes:
        source: what it is called.
        needs: the sandbox that it asks from.

    Raises:
        ConfigError: the URL is none of the web.
    """

    source = "web"

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
        except ValueError:
            port = None
        if not parts.hostname or port is None or parts.scheme not in ("http", "https"):
            raise ConfigError(
                f"SearxngSearch: {url!r} is no URL of a search; give such as "
                "http://localhost:8080/search"
            )
        self._url = url
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        hosts = [f"{host}:{port}"]
        self.needs: tuple[Need] = (
            Need({"extends": "net", "private_hosts": hosts, "widen": ["private_hosts"]}),
        )

    async def search(self, query: str, topn: int, serving: Serving) -> Sequence[Hit]:
        """See `Search.search`."""
        arguments = {"url": self._url, "query": query, "most": topn, "seconds": _SECONDS}
        return hits_from(await boxed(serving, self.needs[0], "web:searxng", arguments))
