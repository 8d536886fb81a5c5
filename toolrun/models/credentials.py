"""Which base URL, key and headers can be sent, and which of them may be shown?

The URL stands in messages, traces and logs, where what may be a secret must not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from toolrun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


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


def is_sendable(text: object) -> bool:
    """Whether a text can stand in a header."""
    return isinstance(text, str) and text.isascii() and text.isprintable() and text == text.strip()
