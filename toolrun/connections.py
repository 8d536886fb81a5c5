"""Which model do the sessions of a runtime sample? One for each server, and how it is asked."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from msgspec import structs

from toolrun.embedded import EMBEDDED, NANO, is_embedded
from toolrun.known import Known
from toolrun.models.credentials import learning
from toolrun.models.door import Timeouts
from toolrun.models.ways import Server, open_model
from toolrun.options import BASE_URL, MODEL, Options

if TYPE_CHECKING:
    from collections import Counter

    from toolrun.models.model import Model
    from toolrun.models.ways import Via


class Connections:
    """The models of a runtime, each with its connections.

    Args:
        counts: of the runtime; a fleet counts there.
    """

    def __init__(self, counts: Counter[str]) -> None:
        self._counts = counts
        self._models: dict[Any, Model] = {}
        self._keys: defaultdict[Any, Known] = defaultdict(Known)

    def __len__(self) -> int:
        return len(self._models)

    def of(self, options: Options) -> tuple[Model, str]:
        """The model that a session's options mean, and its name."""
        model = options.get("model") or MODEL
        if not isinstance(model, str):
            return model, getattr(model, "name", type(model).__name__)
        urls = urls_of(options)
        if is_embedded(urls):
            return self._embedded(), model
        api_key, headers = options.get("api_key"), options.get("headers") or {}
        timeouts = options.get("timeouts") or Timeouts()
        via, dialect = options.get("via") or "auto", options.get("dialect")
        key = (urls, api_key, tuple(sorted(headers.items())), timeouts, via, dialect)
        if (ready := self._models.get(key)) is None:
            asked = learning(api_key, self._keys[api_key]) if callable(api_key) else api_key
            server = Server("", asked, headers, timeouts, dialect)
            ready = self._models[key] = self._open(urls, server, via)
        return ready, model

    def secrets(self, api_key: Any) -> list[Known]:
        """What became known of a key that a function gives."""
        return [self._keys[api_key]] if callable(api_key) else []

    async def aclose(self) -> None:
        """Close all connections."""
        while self._models:
            await self._models.popitem()[1].aclose()

    def _embedded(self) -> Model:
        """The model that comes with toolrun, one for all sessions."""
        if (ready := self._models.get(EMBEDDED)) is None:
            from toolrun.models.nano.sampler import nano

            ready = self._models[EMBEDDED] = nano()
        return ready

    def _open(self, urls: str | tuple[str, ...], server: Server, via: Via) -> Model:
        """The model behind one server, or behind several."""
        if isinstance(urls, str):
            return open_model(structs.replace(server, base_url=urls), via)
        from toolrun.models.fleet import Fleet

        servers = [structs.replace(server, base_url=url) for url in urls]
        return Fleet(servers, via, counts=self._counts)


def urls_of(options: Options) -> str | tuple[str, ...]:
    """The base URL of a session's server, or those of several; `EMBEDDED` where there is none."""
    urls = options.get("base_url")
    if urls is None and options.get("model") == NANO:
        return EMBEDDED
    if urls is None or isinstance(urls, str):
        return urls or BASE_URL
    return tuple(urls)
