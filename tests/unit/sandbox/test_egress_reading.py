"""What does the egress proxy read: hosts, addresses, request heads, TLS greetings?"""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolrun.errors import ConfigError
from toolrun.sandbox.egress.addresses import checked, may_connect
from toolrun.sandbox.egress.head import Plain, Refused, Tunnel, request_of
from toolrun.sandbox.egress.hello import NoHello, name_of
from toolrun.sandbox.egress.hosts import Hosts, Target, normal, target_of

HOSTS = Hosts(["api.example.org:443", "*.example.net:443", "192.0.2.7:80"], ["localhost:8080"])


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("api.example.org:443", True),
        ("API.Example.ORG.:443", True),
        ("api.example.org:80", False),
        ("example.org:443", False),
        ("evil-api.example.org:443", False),
        ("api.example.org.evil.test:443", False),
        ("a.example.net:443", True),
        ("a.b.example.net:443", True),
        ("example.net:443", False),
        ("evilexample.net:443", False),
        ("192.0.2.7:80", True),
        ("192.0.2.8:80", False),
        ("localhost:8080", True),
        ("localhost:443", False),
    ],
)
def test_only_what_is_listed_is_allowed(text: str, *, allowed: bool) -> None:
    target = target_of(text)

    assert target is not None
    assert HOSTS.allows(target) is allowed
    assert HOSTS.may_be_private(target) is (text == "localhost:8080")


@pytest.mark.parametrize(
    "host",
    [
        *(
            "127.1",
            "0x7f.1",
            "2130706433",
            "0x7f000001",
            "017700000001",
            "127.0.0.1.5",
            "1.2.3.4..",
        ),
        *("", ".", "a..b", "-a.test", "a-.test", "a b.test", "a/b", "a@b", "a%2eb", "[::1", "::1"),
        *("a\0b", "a\r\nb", "bücher.test", "[127.0.0.1]", "[fe80::1%eth0]", "x" * 64 + ".test"),
    ],
)
def test_other_spellings_are_no_hosts(host: str) -> None:
    assert normal(host) is None


def test_an_address_has_one_spelling() -> None:
    assert normal("[2001:DB8:0::1]") == "2001:db8::1"
    assert normal("192.0.2.7.") == "192.0.2.7"
    assert str(Target("2001:db8::1", 443)) == "[2001:db8::1]:443"


@pytest.mark.parametrize("port", ["", "0", "00443", "+443", "65536", "443 ", "٤٤٣", "44_3"])
def test_a_port_is_a_plain_number(port: str) -> None:
    assert target_of(f"api.example.org:{port}") is None


@pytest.mark.parametrize("entry", ["example.org", "*:443", "*.1.2.3.4:443", "*.*.org:443", "a b:1"])
def test_an_entry_that_is_no_host_is_refused(entry: str) -> None:
    with pytest.raises(ConfigError, match=r"example\.org:443"):
        Hosts([entry])


PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
PRIVATE = ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "::1", "fd12::1"]
NEVER = [
    *("169.254.169.254", "169.254.1.1", "168.63.129.16", "100.100.100.200", "fd00:ec2::254"),
    *("0.0.0.0", "255.255.255.255", "224.0.0.1", "240.0.0.1", "192.0.2.1", "198.18.0.1"),
    *("::", "fe80::1", "ff02::1", "2001:db8::1", "::ffff:169.254.169.254", "fec0::1"),
    *("2002:a9fe:a9fe::1", "64:ff9b::a9fe:a9fe", "::a9fe:a9fe", "2606:4700::5efe:a9fe:a9fe"),
]
INSIDE = ["::ffff:127.0.0.1", "2002:7f00:1::1", "64:ff9b::7f00:1", "::7f00:1", "64:ff9b::a00:1"]


@pytest.mark.parametrize("address", [*PUBLIC, *PRIVATE, *NEVER, *INSIDE])
def test_which_addresses_may_be_connected_to(address: str) -> None:
    parsed = ipaddress.ip_address(address)

    assert may_connect(parsed, private=False) is (address in PUBLIC)
    if address not in INSIDE:
        assert may_connect(parsed, private=True) is (address not in NEVER)


async def test_one_address_that_may_not_is_enough() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["8.8.8.8", "10.0.0.1"]

    addresses, why = await checked(Target("api.example.org", 443), resolve, private=False)

    assert addresses == []
    assert "10.0.0.1" in why


def head(*lines: str) -> bytes:
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def test_a_plain_request_is_written_anew() -> None:
    request = request_of(
        head(
            "POST http://API.example.org/a?b=c HTTP/1.1",
            "Host: api.example.org:80",
            "Connection: x-private, keep-alive",
            "X-Private: 1",
            "Proxy-Authorization: Basic eA==",
            "Content-Length: 5",
            "Upgrade: websocket",
            "X-Kept:  two  words ",
        )
    )

    assert isinstance(request, Plain)
    assert (request.target, request.method, request.body) == (
        Target("api.example.org", 80),
        "POST",
        5,
    )
    assert request.head == head(
        "POST /a?b=c HTTP/1.1",
        "host: api.example.org",
        "x-kept: two  words",
        "content-length: 5",
        "connection: close",
    )


def test_a_tunnel_has_a_host_and_a_port() -> None:
    request = request_of(head("CONNECT api.example.org:443 HTTP/1.1", "Host: api.example.org:443"))

    assert request == Tunnel(Target("api.example.org", 443))


GET = "GET http://a.test/ HTTP/1.1"
POST = "POST http://a.test/ HTTP/1.1"
HOST = "Host: a.test"


@pytest.mark.parametrize(
    "lines",
    [
        [GET],
        [GET, HOST, HOST],
        [GET, "Host: b.test"],
        [GET, "Host: a.test:81"],
        [GET, "Host: a.test@b.test"],
        [GET, HOST, "X : 1"],
        [GET, HOST, "X: 1", " folded"],
        [GET, HOST, "X: a\nY: b"],
        [GET, HOST, "X: a\rY: b"],
        [GET, HOST, "X: a\0"],
        [GET, HOST, "no colon"],
        [GET, HOST, "Transfer-Encoding: gzip, chunked"],
        [POST, HOST, "Content-Length: 5", "Transfer-Encoding: chunked"],
        [POST, HOST, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
        [POST, HOST, "Transfer-Encoding: identity"],
        [POST, HOST, "Transfer-Encoding: \x0bchunked"],
        [POST, HOST, "Content-Length: 5", "Content-Length: 5"],
        [POST, HOST, "Content-Length: 5, 5"],
        [POST, HOST, "Content-Length: +5"],
        [POST, HOST, "Content-Length: 0x5"],
        [POST, HOST, "Content-Length: -1"],
        ["POST http://a.test/ HTTP/1.0", HOST, "Transfer-Encoding: chunked"],
        ["GET / HTTP/1.1", HOST],
        ["GET https://a.test/ HTTP/1.1", HOST],
        ["GET ftp://a.test/ HTTP/1.1", HOST],
        ["GET http://user@a.test/ HTTP/1.1", HOST],
        ["GET http://a.test\\@b.test/ HTTP/1.1", HOST],
        ["GET http://a.test#@b.test/ HTTP/1.1", HOST],
        ["GET http://a.test/#fragment HTTP/1.1", HOST],
        ["GET http:///path HTTP/1.1", HOST],
        ["GET http://a.test/a b HTTP/1.1", HOST],
        ["GET  http://a.test/ HTTP/1.1", HOST],
        ["GET\thttp://a.test/ HTTP/1.1", HOST],
        ["GET http://a.test/ HTTP/2.0", HOST],
        ["GET http://a.test/", HOST],
        ["PRI * HTTP/2.0"],
        ["CONNECT a.test HTTP/1.1"],
        ["CONNECT http://a.test:443 HTTP/1.1"],
        ["CONNECT a.test:443@b.test:443 HTTP/1.1"],
        ["CONNECT a.test:443/ HTTP/1.1"],
        [GET, HOST, *("X: 1" for _ in range(100))],
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(lines: list[str]) -> None:
    with pytest.raises(Refused):
        request_of(head(*lines))


@given(st.binary(max_size=300))
def test_no_head_is_anything_but_a_request_or_refused(data: bytes) -> None:
    for prefix in (b"", b"GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n"):
        try:
            request = request_of(prefix + data.replace(b"\r\n\r\n", b"") + b"\r\n\r\n")
        except Refused:
            continue
        if isinstance(request, Plain):
            assert request.head.count(b"\r\n\r\n") == 1
            assert request.head.endswith(b"\r\nconnection: close\r\n\r\n")


@functools.cache
def greeting(name: str | None) -> bytes:
    context = ssl.create_default_context()
    if name is None:
        context.check_hostname = False
    outgoing = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def test_a_greeting_says_its_name_and_nothing_before_it_is_whole() -> None:
    hello = greeting("api.example.org")

    assert name_of(hello) == "api.example.org"
    assert name_of(hello + b"early data") == "api.example.org"
    assert all(name_of(hello[:size]) is None for size in range(len(hello)))
    assert name_of(greeting(None)) == ""


def test_a_greeting_in_many_records_is_put_together() -> None:
    body = greeting("api.example.org")[5:]
    pieces = [body[at : at + 7] for at in range(0, len(body), 7)]
    split = b"".join(b"\x16\x03\x01" + len(piece).to_bytes(2, "big") + piece for piece in pieces)

    assert name_of(split) == "api.example.org"


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"SSH-2.0-x",
        b"\x16\x02",
        b"\x16\x03\x01\x00\x00",
        b"\x16\x03\x01\x00\x05\x02\x00\x00\x01x",
        b"\x17\x03\x03\x00\x01x",
        b"\x16\x03\x01\x00\x04\x01\x00\x00\x00",
        b"\x16\x03\x01\x40\x00\x01\x00\xff\xff" + b"x" * 20_000,
    ],
)
def test_what_is_no_greeting_is_refused(data: bytes) -> None:
    with pytest.raises(NoHello):
        name_of(data)


def test_a_greeting_with_two_names_is_refused() -> None:
    hello = greeting("api.example.org")
    at = hello.index(b"\x00\x00\x00\x14\x00\x12\x00\x00\x0fapi.example.org")
    extension = hello[at : at + 24]
    twice = hello[:at] + extension + hello[at:]
    sizes = {3: 2, 6: 3}  # of the record, of the message
    grown = bytearray(twice)
    for place, size in sizes.items():
        value = int.from_bytes(grown[place : place + size], "big") + len(extension)
        grown[place : place + size] = value.to_bytes(size, "big")
    session = 43 + 1 + grown[43]
    ciphers = session + 2 + int.from_bytes(grown[session : session + 2], "big")
    place = ciphers + 1 + grown[ciphers]
    value = int.from_bytes(grown[place : place + 2], "big") + len(extension)
    grown[place : place + 2] = value.to_bytes(2, "big")

    with pytest.raises(NoHello, match="two hosts"):
        name_of(bytes(grown))


def sized(content: bytes, size: int) -> bytes:
    return len(content).to_bytes(size, "big") + content


def hello_of(names: bytes, after: bytes = b"") -> bytes:
    """A ClientHello with such a list of names, its sizes right."""
    extension = b"\0\0" + sized(names, 2)
    body = bytes(34) + sized(b"", 1) + sized(b"\x13\x01", 2) + sized(b"\0", 1)
    return b"\x16\x03\x01" + sized(b"\x01" + sized(body + sized(extension, 2) + after, 3), 2)


NAME = b"\0" + sized(b"api.example.org", 2)


@pytest.mark.parametrize(
    ("hello", "why"),
    [
        (hello_of(sized(NAME, 2), b"x"), "goes on after its end"),
        (hello_of(sized(NAME + NAME, 2)), "does not name one host"),
        (hello_of(sized(NAME, 2) + b"x"), "does not name one host"),
        (hello_of(sized(b"\1" + NAME[1:], 2)), "does not name one host"),
        (hello_of(sized(b"\0" + sized(b"\xff.test", 2), 2)), "is no name"),
        (b"\x16\x03\x01\0\x01\x02", "not its beginning"),
    ],
    ids=["longer", "two names", "more than names", "of another kind", "no ASCII", "no hello"],
)
def test_a_greeting_that_servers_could_read_in_another_way_is_refused(
    hello: bytes, why: str
) -> None:
    assert name_of(hello_of(sized(NAME, 2))) == "api.example.org"
    with pytest.raises(NoHello, match=why):
        name_of(hello)


@given(st.integers(0, 600), st.binary(min_size=1, max_size=4))
def test_a_broken_greeting_is_none_or_names_somebody(at: int, noise: bytes) -> None:
    hello = bytearray(greeting("api.example.org"))
    hello[at : at + len(noise)] = noise
    with contextlib.suppress(NoHello):
        name_of(bytes(hello))
