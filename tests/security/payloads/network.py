"""Attacks that reach for the network, or for sockets of the host."""

from __future__ import annotations

import errno
import socket
import struct

from .trying import attempt, text_of


def connect(port: int) -> str:
    with socket.socket() as client:
        client.settimeout(2)
        return attempt(client.connect, ("127.0.0.1", port))


def connect_v6(port: int) -> str:
    with socket.socket(socket.AF_INET6) as client:
        client.settimeout(2)
        return attempt(client.connect, ("::ffff:127.0.0.1", port))


def connect_to(address: str, port: int) -> str:
    with socket.socket() as client:
        client.settimeout(2)
        return attempt(client.connect, (address, port))


def send_datagram(port: int) -> str:
    """Ask, and wait for the echo."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(1)
        client.connect(("127.0.0.1", port))
        client.send(b"anyone?")
        return attempt(client.recv, 10)


def broadcast(port: int) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        return attempt(client.sendto, b"x", ("255.255.255.255", port))


def connect_abstract(name: str) -> str:
    with socket.socket(socket.AF_UNIX) as client:
        return attempt(client.connect, "\0" + name)


def connect_path(path: str) -> str:
    with socket.socket(socket.AF_UNIX) as client:
        return attempt(client.connect, path)


def claim_abstract(name: str) -> str:
    """Take a name that a service of the host is to take: "done" where it is free."""
    with socket.socket(socket.AF_UNIX) as server:
        return attempt(server.bind, "\0" + name)


def interfaces() -> list[str]:
    return [name for _, name in socket.if_nameindex()]


def raw() -> str:
    return attempt(
        lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()
    )


def packet() -> str:
    return attempt(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close())


def tell_route() -> str:
    """Ask the kernel for a default route by netlink."""
    try:
        link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    with link:
        new_route, request_ack_create = 24, 0x1 | 0x4 | 0x400
        body = struct.pack("BBBBBBBBI", socket.AF_INET, 0, 0, 0, 254, 3, 0, 1, 0)
        body += struct.pack("HHI", 8, 4, 1)  # by the first interface
        head = struct.pack("IHHII", 16 + len(body), new_route, request_ack_create, 1, 0)
        link.settimeout(2)
        link.send(head + body)
        code = struct.unpack_from("i", link.recv(4096), 16)[0]
        return "done" if code == 0 else errno.errorcode[-code]


def resolve(name: str) -> str:
    try:
        socket.getaddrinfo(name, 80)
    except OSError as error:
        return type(error).__name__
    return "done"


def privileged_port() -> str:
    with socket.socket() as server:
        return attempt(server.bind, ("127.0.0.1", 81))


def virtual_machine_host() -> str:
    def reach() -> None:
        with socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM) as client:
            client.settimeout(1)
            client.connect((2, 1024))

    return attempt(reach)


def host_ports() -> str:
    """The host's sockets, as the kernel lists them."""
    return text_of("/proc/net/tcp")
