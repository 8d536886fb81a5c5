"""Which pages of the web may be opened, and how does one come here? By a box that reaches those."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from toolrun.sandbox.resolve import load_profile
from toolrun.tools.builtin.pages import CannotBrowse, Page
from toolrun.tools.builtin.search import boxed, page_from
from toolrun.tools.work import Need

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.tools.work import Serving

_SHARE: Final = 0.8
"""Of a call's time: what the box may wait for the site, so that it can say what it waited for."""


class Web:
    """The hosts that may be opened.

    Args:
        hosts: each with its port, as a profile lists them.
        private: those that may be at private addresses.

    Raises:
        ConfigError: one of them is no host with a port.
    """

    def __init__(self, hosts: Sequence[str], private: Sequence[str]) -> None:
        self.needs: tuple[Need, ...] = ()
        listed: dict[str, Any] = {"hosts": list(hosts), "private_hosts": list(private)}
        given = {key: value for key, value in listed.items() if value}
        if given:
            from toolrun.sandbox.egress.hosts import Hosts

            Hosts(hosts, private)
            profile = {"extends": "net", **given, "widen": list(given)}
            load_profile(profile)
            self.needs = (Need(profile),)
        names = ", ".join((*hosts, *private)) or "none"
        self.said: str = f"Hosts that may be opened: {names}."

    async def read(self, url: str, source: bool, serving: Serving) -> Page:  # noqa: FBT001 - as `Library`
        """A page of the web.

        Raises:
            CannotBrowse: it may not be opened, or cannot be read.
            SandboxUnavailable: nothing was run.
        """
        url = _checked(url)
        if not self.needs:
            raise CannotBrowse(f"Error fetching URL `{url[:500]}`: it may not be. {self.said}")
        arguments = {
            "url": url,
            "seconds": serving.tool.options.timeout * _SHARE,
            "source": source,
        }
        try:
            return page_from(await boxed(serving, self.needs[0], "web:fetch", arguments))
        except CannotBrowse as error:
            hosts = f" {self.said}" if "not among the hosts" in str(error) else ""
            raise CannotBrowse(f"Error fetching URL `{url[:500]}`: {error}.{hosts}") from error


def _checked(url: str) -> str:
    """A URL of the web, with a scheme.

    Raises:
        CannotBrowse: it is none.
    """
    url = url.strip()
    if "://" not in url:
        url = f"https://{url}"
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and parts.hostname and parts.username is None
        if fits and url.isprintable() and " " not in url:
            return url
    raise CannotBrowse(f"`{url[:500]}` is no URL that can be opened: write https://HOST/PATH")
