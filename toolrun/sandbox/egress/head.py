"""What does a client of the proxy ask for?

Read to the letter: what two readers could read in two ways is refused, so that no request can be
smuggled past the one that was checked.
"""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias

import msgspec

from toolrun.sandbox.egress.hosts import Target, target_of

MAX_HEAD: Final = 16_384
"""Bytes of a request line and its headers."""

END: Final = b"\r\n\r\n"

Body: TypeAlias = int | Literal["chunked"]
"""How much follows a head: bytes, or chunks until an empty one."""

_MAX_HEADERS: Final = 100
_TOKEN: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(rb"[\t \x21-\x7e\x80-\xff]*")
_PATH: Final = re.compile(rb"[!-\"$-~]*")
_LENGTH: Final = re.compile(rb"[0-9]{1,18}")
_HTTP_PORT: Final = 80
# Of one connection alone (RFC 9110, 7.6.1); what frames the body is written anew.
_HOP_BY_HOP: Final = frozenset(
    (
        *(b"connection", b"proxy-connection", b"keep-alive", b"te", b"trailer", b"upgrade"),
        *(b"transfer-encoding", b"content-length", b"proxy-authorization", b"proxy-authenticate"),
        *(b"host", b"http2-settings"),
    )
)


class Refused(Exception):
    """A request that is not passed on.

    Attributes:
        status: of the answer.
        reason: in words that the tool, and the model behind it, can act on.
        target: where it was going, where that could be read.
        method: of the request, where that could be read.
    """

    def __init__(
        self, status: int, reason: str, target: Target | None = None, method: str = ""
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.target = target
        self.method = method


class Tunnel(msgspec.Struct, frozen=True):
    """CONNECT: a way to a target, for TLS."""

    target: Target
    method: str = "CONNECT"


class Plain(msgspec.Struct, frozen=True):
    """A request of plain HTTP.

    Attributes:
        head: the request as it goes to the target, its empty line included.
        body: what of the client's bytes is its body.
    """

    target: Target
    method: str
    head: bytes
    body: Body


def request_of(head: bytes) -> Tunnel | Plain:
    """The request that a head is, its empty line included.

    Raises:
        Refused: it is none, or could be read in two ways.
    """
    line, *fields = head.removesuffix(END).split(b"\r\n")
    method, url, version = _first_line(line)
    headers = [_header(field) for field in fields]
    if len(headers) > _MAX_HEADERS:
        raise Refused(431, f"more than {_MAX_HEADERS} headers")
    if method == "CONNECT":
        return _tunnel(url)
    target, path = _absolute(url)
    try:
        _check_host(target, [value for name, value in headers if name == b"host"], version)
        body = _body(headers, version)
    except Refused as error:
        raise Refused(error.status, error.reason, target, method) from None
    return Plain(target, method, _onward(method, path, target, headers, body), body)


def _first_line(line: bytes) -> tuple[str, bytes, bytes]:
    parts = line.split(b" ")
    if len(parts) != 3 or not _TOKEN.fullmatch(parts[0]):  # noqa: PLR2004 - method, URL, version
        raise Refused(400, "the request line is no HTTP")
    method, url, version = parts
    if version not in (b"HTTP/1.1", b"HTTP/1.0"):
        raise Refused(505, "only HTTP/1.1 and HTTP/1.0 are passed on")
    if not url or not _PATH.fullmatch(url):
        raise Refused(400, "the URL has characters that no URL has")
    return method.decode("ascii"), url, version


def _header(field: bytes) -> tuple[bytes, bytes]:
    name, colon, value = field.partition(b":")
    # No folding, no space before the colon, no bare CR, LF or NUL.
    if not colon or not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
        raise Refused(400, "a header is no HTTP")
    return name.lower(), value.strip(b" \t")


def _tunnel(url: bytes) -> Tunnel:
    target = target_of(url.decode("ascii"))
    if target is None:
        raise Refused(400, "CONNECT takes a host and a port")
    return Tunnel(target)


def _absolute(url: bytes) -> tuple[Target, bytes]:
    scheme, separator, rest = url.partition(b"://")
    if not separator or scheme.lower() != b"http":
        raise Refused(
            400, "this is a proxy: it takes CONNECT for https://, and absolute http:// URLs"
        )
    authority = re.split(rb"[/?#\\]", rest, maxsplit=1)[0]
    path = rest[len(authority) :]
    target = target_of(authority.decode("ascii"), _HTTP_PORT)
    if target is None or path[:1] in (b"#", b"\\"):
        raise Refused(400, "the URL has no host, or more than a host and a port")
    return target, path if path.startswith(b"/") else b"/" + path


def _check_host(target: Target, hosts: list[bytes], version: bytes) -> None:
    if len(hosts) > 1 or (not hosts and version == b"HTTP/1.1"):
        raise Refused(400, "a request has one Host header")
    if hosts and target_of(hosts[0].decode("latin-1"), _HTTP_PORT) != target:
        raise Refused(400, f"the Host header is not that of the URL, {target}")


def _body(headers: list[tuple[bytes, bytes]], version: bytes) -> Body:
    lengths = [value for name, value in headers if name == b"content-length"]
    encodings = [value for name, value in headers if name == b"transfer-encoding"]
    if encodings:
        if lengths or encodings != [b"chunked"] or version != b"HTTP/1.1":
            raise Refused(400, "Transfer-Encoding is chunked, once and alone, or not there")
        return "chunked"
    if len(lengths) > 1 or (lengths and not _LENGTH.fullmatch(lengths[0])):
        raise Refused(400, "Content-Length is one number")
    return int(lengths[0]) if lengths else 0


def _onward(
    method: str, path: bytes, target: Target, headers: list[tuple[bytes, bytes]], body: Body
) -> bytes:
    """The head as the target gets it: one request, and then the connection closes."""
    named = b",".join(value for name, value in headers if name == b"connection")
    dropped = _HOP_BY_HOP | {name.strip().lower() for name in named.split(b",")}
    host = str(target).removesuffix(f":{_HTTP_PORT}")
    lines = [b"%s %s HTTP/1.1" % (method.encode(), path), b"host: " + host.encode()]
    lines += [b"%s: %s" % each for each in headers if each[0] not in dropped]
    if body == "chunked":
        lines.append(b"transfer-encoding: chunked")
    elif body or any(name == b"content-length" for name, _ in headers):
        lines.append(b"content-length: %d" % body)
    return b"\r\n".join([*lines, b"connection: close"]) + END
