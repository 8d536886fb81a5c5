"""Which hosts does a profile list? `Hosts`: "example.org:443", "*.example.org:443"."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final

import msgspec

from toolrun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

_LABEL: Final = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_LONGEST: Final = 253
_LAST_PORT: Final = 65_535


class Target(msgspec.Struct, frozen=True):
    """Where a request goes: a name or an address as `normal` writes it, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return f"{shown}:{self.port}"


class Hosts:
    """The hosts of a profile.

    Args:
        hosts: those at public addresses, each with its port.
        private: those that may be at private ones, too.

    Raises:
        ConfigError: one of them is no host with a port.
    """

    def __init__(self, hosts: Iterable[str], private: Iterable[str] = ()) -> None:
        self._public = frozenset(map(_entry, hosts))
        self._private = frozenset(map(_entry, private))

    def __str__(self) -> str:
        return ", ".join(sorted(map(str, self._public | self._private))) or "no host"

    def allows(self, target: Target) -> bool:
        """Whether a target is listed."""
        return _listed(target, self._public) or self.may_be_private(target)

    def may_be_private(self, target: Target) -> bool:
        """Whether a target is listed as one that may be at a private address."""
        return _listed(target, self._private)


def target_of(text: str, default_port: int | None = None) -> Target | None:
    """The target that "host:port" names; None where it is none, strictly read.

    Args:
        text: an address of IPv6 stands in brackets.
        default_port: where the text has none; None: it must have one.
    """
    host, colon, port = text.rpartition(":")
    if not colon or "]" in port:
        host, port = text, "" if default_port is None else str(default_port)
    if not re.fullmatch(r"[1-9][0-9]{0,4}", port) or int(port) > _LAST_PORT:
        return None
    name = normal(host)
    return None if name is None else Target(name, int(port))


def normal(host: str) -> str | None:
    """A host in the one spelling that is compared: lower case, no trailing dot; None if it is none.

    An address is written as Python writes it; other spellings of one (0x7f.1, 127.1) are none.
    """
    if host.startswith("[") and host.endswith("]"):
        return address if (address := _address(host[1:-1])) and ":" in address else None
    if ":" in host:
        return None
    host = host.lower().removesuffix(".")
    if (address := _address(host)) is not None:
        return address
    # What ends in a number is an address to whoever resolves it (RFC 3696, the WHATWG's URL).
    last = host.rpartition(".")[2]
    if last.isdigit() or re.fullmatch(r"0x[0-9a-f]*", last):
        return None
    return host if len(host) <= _LONGEST and _NAME.fullmatch(host) else None


def is_address(host: str) -> bool:
    """Whether a host is an address, not a name."""
    return _address(host) is not None


def _address(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text)) if "%" not in text else None
    except ValueError:
        return None


def _entry(text: str) -> Target:
    wild = text.startswith("*.")
    found = target_of(text.removeprefix("*."))
    if found is None or (wild and is_address(found.host)):
        raise ConfigError(
            f"sandbox profile: {text!r} is no host with a port; write example.org:443, or "
            "*.example.org:443 for its subdomains"
        )
    return Target(f"*.{found.host}", found.port) if wild else found


def _listed(target: Target, entries: frozenset[Target]) -> bool:
    if target in entries:
        return True
    above = target.host
    if is_address(above):
        return False
    while "." in above:
        above = above.partition(".")[2]
        if Target(f"*.{above}", target.port) in entries:
            return True
    return False
