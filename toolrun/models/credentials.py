"""Which base URL, key and headers can be sent, and which of them may be shown?

The URL stands in messages, traces and logs, where what may be a secret must not.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from toolrun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from toolrun.known import Known

SHORTEST: Final = 6
"""Characters of a secret among others: a shorter value stands in texts that have nothing to do
with it."""

_SECRET: Final = re.compile(
    r"(?i)(?:^|[_-])(?:\w*(?:key|token|secret|password|passwd|credentials?|cookie|signature)"
    r"|(?:proxy-)?auth(?:orization)?|pass|pwd|dsn)(?:$|[_-])"
)
_USERINFO: Final = re.compile(r"(?<=://)[^/@\s:]*:([^/@\s]+)(?=@)")
_SCHEME: Final = re.compile(r"(?:Basic|Bearer|Token|Digest|ApiKey)\s+(\S.*)", re.IGNORECASE)


def check_url(base_url: str) -> None:
    """Refuse a URL that is none, or that holds what may be a secret.

    Raises:
        ConfigError: it names no host; it holds a password, or something after its path.
    """
    if "@" in base_url.partition("//")[2].partition("/")[0]:
        raise ConfigError(
            "base_url must not hold a user or a password, which messages and traces would show; "
            'give headers={"Authorization": "Basic ..."}'
        )
    shown = base_url.partition("?")[0].partition("#")[0]
    if shown != base_url:
        raise ConfigError(
            f"base_url must end with its path, to which others are added: {shown!r}, without what "
            "follows it; a key goes into api_key or headers"
        )
    try:
        parts = urlsplit(base_url)
        fits = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        fits = False
    if not fits or " " in base_url or not is_sendable(base_url):
        # What stands before an @ may be a password, also where the rest is no URL.
        shown = f"...{base_url[base_url.rfind('@') :]}" if "@" in base_url else base_url
        raise ConfigError(
            f"base_url must begin with http:// or https:// and name a host, not {shown!r}; "
            'a local vLLM has "http://localhost:8000/v1"'
        )


def asked(api_key: Callable[[], Awaitable[str]]) -> Callable[[], Awaitable[str]]:
    """The user's function, whose failures are named."""

    async def key() -> str:
        try:
            given = await api_key()
        except Exception as error:
            raise ConfigError(f"api_key: the function that gives it failed: {error!r}") from error
        return sendable(given)

    return key


def sendable(key: object) -> str:
    """The key, if HTTP can send it.

    Raises:
        ConfigError: it cannot; the message does not show it.
    """
    if isinstance(key, str) and key and is_sendable(key):
        return key
    raise ConfigError("api_key must be of printable ASCII characters, without blanks at its ends")


def learning(api_key: Callable[[], Awaitable[str]], known: Known) -> Callable[[], Awaitable[str]]:
    """The user's function, of which each key that it gives becomes known."""

    async def key() -> str:
        given = await api_key()
        known.learn(given)
        return given

    return key


def secrets_among(named: Mapping[str, str]) -> Iterator[str]:
    """The secrets among values with names, as headers and environment variables are.

    They are told by their names ("X-Api-Key", "DB_PASSWORD"), of a URL it is the password.
    """
    for name, value in named.items():
        found = [match[1] for match in _USERINFO.finditer(value)]
        if _SECRET.search(name):
            found += [value, *_without_scheme(value)]
        yield from (each for each in found if len(each) >= SHORTEST)


def _without_scheme(value: str) -> Iterator[str]:
    """What is secret in the value of a header that begins with the name of a scheme."""
    if (found := _SCHEME.fullmatch(value)) is None:
        return
    yield found[1]
    try:
        text = base64.b64decode(found[1], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return
    yield text.partition(":")[2]


def is_sendable(text: object) -> bool:
    """Whether a text can stand in a header."""
    return isinstance(text, str) and text.isascii() and text.isprintable() and text == text.strip()
