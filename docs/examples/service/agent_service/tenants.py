"""Who asks? A tenant is known by its API key."""

import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path

from toolrun import ConfigError

SHORTEST = 16
"""Characters that a key must have: shorter ones can be guessed."""


class Tenants:
    """The tenants by their keys, of which only digests are kept.

    Args:
        keys: by the tenant's name.

    Raises:
        ConfigError: there is none, one is too short, or two are the same.
    """

    def __init__(self, keys: Mapping[str, str]) -> None:
        if not keys:
            raise ConfigError(
                "no tenant has a key: set SERVICE_KEYS='acme KEY' or SERVICE_KEYS_FILE; "
                "python -c 'import secrets; print(secrets.token_urlsafe(32))' makes a key"
            )
        if short := [name for name, key in keys.items() if len(key) < SHORTEST]:
            raise ConfigError(f"the key of {short[0]!r} has less than {SHORTEST} characters")
        self._digests = [(name, _digest(key)) for name, key in keys.items()]
        if len({digest for _, digest in self._digests}) < len(keys):
            raise ConfigError("two tenants have the same key")

    def of(self, key: str) -> str | None:
        """Whose key this is; None where it is nobody's."""
        given, found = _digest(key), None
        # All are compared, each in constant time: how long it takes tells nothing of any of them.
        for name, digest in self._digests:
            if hmac.compare_digest(digest, given):
                found = name
        return found

    def of_header(self, authorization: str | None) -> str | None:
        """Whose key an `Authorization` header carries."""
        scheme, _, key = (authorization or "").partition(" ")
        return self.of(key.strip()) if scheme.lower() == "bearer" else None


def read_keys(text: str, file: Path | None) -> dict[str, str]:
    """The keys by tenant.

    Args:
        text: `NAME KEY` pairs, separated by commas.
        file: the same, one a line; `#` begins a comment.

    Raises:
        ConfigError: the file cannot be read, a line is no pair, or a tenant is there twice.
    """
    lines = text.split(",")
    if file is not None:
        try:
            lines += file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"SERVICE_KEYS_FILE {file}: cannot be read: {error}") from error
    keys: dict[str, str] = {}
    for line in lines:
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) != len(("name", "key")):
            raise ConfigError("a line of the keys is not `NAME KEY`")
        if words[0] in keys:
            raise ConfigError(f"tenant {words[0]!r} has two keys")
        keys[words[0]] = words[1]
    return keys


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
