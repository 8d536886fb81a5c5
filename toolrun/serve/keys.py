"""Who may ask? The keys of a server, and what each of them is called."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from toolrun.errors import ConfigError
from toolrun.models.credentials import is_sendable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

SHORTEST: Final = 16
"""Characters that a key must have; shorter ones can be guessed."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


class Caller(Struct, frozen=True):
    """Who asks.

    Attributes:
        name: in logs, metrics and as the tenant of sessions; nothing secret.
        owner: whose the remembered reasoning is: a digest of the key, "" where there are no keys.
    """

    name: str = "anyone"
    owner: str = ""


class Keys:
    """The keys that are let in.

    Args:
        named: the keys by their names.

    Raises:
        ConfigError: a key is too short, cannot be sent, or is there twice.
    """

    def __init__(self, named: Mapping[str, str]) -> None:
        self._callers: dict[bytes, Caller] = {}
        for name, key in named.items():
            if not _NAME.fullmatch(name):
                raise ConfigError(
                    f"the name {name!r} of an API key must be of letters, digits, '_', '.' and '-'"
                )
            if len(key) < SHORTEST or not is_sendable(key) or " " in key:
                raise ConfigError(
                    f"the API key {name!r} must be of {SHORTEST} printable ASCII characters or "
                    "more, without blanks: python -c 'import secrets; "
                    "print(secrets.token_urlsafe(32))' makes one"
                )
            digest = _digest(key)
            if digest in self._callers:
                raise ConfigError(
                    f"the API keys {self._callers[digest].name!r} and {name!r} are one"
                )
            self._callers[digest] = Caller(name, digest.hex())

    def __len__(self) -> int:
        """How many there are; without any, everybody is let in."""
        return len(self._callers)

    def caller(self, headers: Mapping[str, str]) -> Caller | None:
        """Who sends these headers; None where it is nobody who may."""
        if not self._callers:
            return Caller() if _is_local(headers.get("host", "")) else None
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        # Found by a digest, which tells nobody's clock how much of a key was right.
        digest = _digest(key.strip())
        found = self._callers.get(digest)
        known = bytes.fromhex(found.owner) if found is not None else bytes(len(digest))
        return found if hmac.compare_digest(known, digest) else None


def _is_local(host: str) -> bool:
    """Whether a request was meant for this machine: a web page can have its own name lead here."""
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    return name.lower() in _LOOPBACK


def read_keys(path: Path | None, variable: str) -> Keys:
    """The keys of a file and of a variable's text.

    Args:
        path: a file with one a line, `KEY` or `NAME KEY`; `#` begins a comment.
        variable: the same, separated by commas.

    Raises:
        ConfigError: the file cannot be read, or a key will not do.
    """
    lines = variable.split(",")
    if path is not None:
        try:
            lines += path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"--api-key-file {path}: cannot be read: {error}") from error
    named = _named(line for line in lines if line.strip() and not line.strip().startswith("#"))
    if path is not None and not named:
        raise ConfigError(f"--api-key-file {path}: there is no key in it; write one a line")
    return Keys(named)


def _named(lines: Iterable[str]) -> dict[str, str]:
    named: dict[str, str] = {}
    for line in lines:
        words = line.split()
        key = words[-1]
        name = words[0] if len(words) > 1 else f"key-{_digest(key).hex()[:8]}"
        if len(words) > 2:  # noqa: PLR2004 - a name and a key
            raise ConfigError("a line of the API keys has more than a name and a key")
        if name in named:
            raise ConfigError(f"there are two API keys of the name {name!r}")
        named[name] = key
    return named


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
