"""Which addresses may be connected to? Public ones; private ones where the profile says so."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

import anyio

if TYPE_CHECKING:
    from toolrun.sandbox.egress.hosts import Target

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""From a host and a port to the addresses that it has now.

Raises:
    OSError: it has none.
"""

# What clouds answer instances at, with credentials: in no list of hosts on purpose.
_METADATA: Final = frozenset(
    map(
        ipaddress.ip_address,
        ("169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254"),
    )
)
# An address of IPv4 in one of IPv6: IPv4-mapped ones, 6to4 and Teredo are told by `ipaddress`.
_EMBEDDING: Final = (
    ipaddress.IPv6Network("64:ff9b::/96"),  # NAT64 (RFC 6052)
    ipaddress.IPv6Network("64:ff9b:1::/48"),  # NAT64 of a network's own (RFC 8215)
    ipaddress.IPv6Network("::/96"),  # IPv4-compatible
)
_PRIVATE: Final = tuple(
    map(
        ipaddress.ip_network,
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"),
    )
)
_ISATAP: Final = (0x0000_5EFE, 0x0200_5EFE)


async def resolve(host: str, port: int) -> list[str]:
    """Ask this machine's resolver, in a thread of the loop's."""
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def checked(target: Target, resolve: Resolve, *, private: bool) -> tuple[list[str], str]:
    """The addresses of a target, or none and why it may not be connected to.

    One that may not is enough: a name that is public and private at once is not what it seems.

    Args:
        target: a listed one.
        resolve: asked once; what is connected to is what was checked.
        private: whether private addresses will do.

    Raises:
        OSError: the name has no address.
    """
    literal = _parsed(target.host)
    names = [target.host] if literal is not None else await resolve(target.host, target.port)
    addresses = [(_parsed(name), name) for name in names]
    for address, name in addresses:
        if address is None or not may_connect(address, private=private):
            return [], f"it is at {name}, which is no public address"
    return [str(address) for address, _ in addresses], ""


def may_connect(address: Address, *, private: bool) -> bool:
    """Whether an address, and every one that is written inside it, may be connected to.

    Link-local, multicast and unspecified ones, and those that clouds hand out credentials at, may
    never; loopback and private ones where `private`.
    """
    return all(_fits(each, private=private) for each in (address, *_embedded(address)))


def _fits(address: Address, *, private: bool) -> bool:
    if address in _METADATA or address.is_link_local or address.is_multicast:
        return False
    if address.is_unspecified or getattr(address, "is_site_local", False):
        return False
    if address.is_loopback or not address.is_global:
        return private and (address.is_loopback or any(address in network for network in _PRIVATE))
    return not address.is_reserved or bool(_embedded(address))


def _embedded(address: Address) -> list[ipaddress.IPv4Address]:
    """The addresses of IPv4 that something on the way may make of one of IPv6."""
    if not isinstance(address, ipaddress.IPv6Address) or address.is_loopback:
        return []
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    last = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    if any(address in network for network in _EMBEDDING):
        found.append(last)
    if (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP:
        found.append(last)
    return [each for each in found if each is not None]


def _parsed(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
