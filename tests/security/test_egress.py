"""Does a box reach the hosts that its profile lists, with what people use, and no other way?"""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import msgspec
import pytest

from toolrun.sandbox import Sandbox, load_profile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolrun.sandbox import Completed
    from toolrun.sandbox.egress.proxy import Decision

pytestmark = pytest.mark.security
PEM = Path(__file__).with_name("example.pem")
CERTIFICATE = PEM.read_text().partition("-----END PRIVATE KEY-----\n")[2]


class Answer(BaseHTTPRequestHandler):
    """Says hello, and how it was called."""

    def do_GET(self) -> None:
        said = f"hello {self.headers['Host']}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


@contextlib.contextmanager
def serving(*, tls: bool) -> Iterator[int]:
    with Server(("127.0.0.1", 0), Answer) as server:
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(PEM)
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def web() -> Iterator[int]:
    """The port of a server of plain HTTP on this machine."""
    with serving(tls=False) as port:
        yield port


@pytest.fixture
def secure_web() -> Iterator[int]:
    """The same with TLS, for api.example.org."""
    with serving(tls=True) as port:
        yield port


def asked(server: socket.socket) -> socket.socket:
    """The connection of somebody who has asked for something."""
    connection, _ = server.accept()
    connection.settimeout(10)
    assert connection.recv(3) == b"GET"
    return connection


def read_to_the_end(connection: socket.socket) -> None:
    while connection.recv(999):
        pass


async def local(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def sandbox(*hosts: str) -> Sandbox:
    profile = msgspec.structs.replace(load_profile("net"), private_hosts=hosts)
    return Sandbox(profile, resolve=local)


def run(code: str, *hosts: str, backend: str = "asyncio") -> tuple[Completed, list[Decision]]:
    """Run Python code in a box that may reach these hosts, all of them on this machine."""
    told: list[Decision] = []

    async def call() -> Completed:
        async with sandbox(*hosts) as box:
            return await box.run(code, timeout=20, on_egress=told.append)

    return anyio.run(call, backend=backend), told


def script(command: str) -> str:
    """Code that runs a command of the shell, with the certificate in a file."""
    return (
        "import subprocess, sys\n"
        f"open('/tmp/ca.pem', 'w').write({CERTIFICATE!r})\n"
        f"sys.exit(subprocess.call({command!r}, shell=True))\n"
    )


URLLIB = f"""
import ssl, urllib.request
context = ssl.create_default_context(cadata={CERTIFICATE!r})
for url in URLS:
    print(urllib.request.urlopen(url, context=context).read().decode())
"""
HTTPX = f"""
import ssl, httpx2
context = ssl.create_default_context(cadata={CERTIFICATE!r})
for url in URLS:
    print(httpx2.Client(verify=context).get(url).text)
"""
AIOHTTP = f"""
import asyncio, ssl, aiohttp
async def main():
    context = ssl.create_default_context(cadata={CERTIFICATE!r})
    async with aiohttp.ClientSession(trust_env=True) as client:
        for url in URLS:
            async with client.get(url, ssl=context) as answer:
                print(await answer.text())
asyncio.run(main())
"""
CLIENTS = {
    "urllib": URLLIB,
    "httpx2": HTTPX,
    "aiohttp": AIOHTTP,
    "curl": script("for url in URLS; do curl -sS --cacert /tmp/ca.pem $url; echo; done"),
    "wget": script("for url in URLS; do wget -qO - --ca-certificate /tmp/ca.pem $url; echo; done"),
}


def asking(url: str) -> str:
    """Code that asks for a URL, and fails where it cannot be had."""
    return CLIENTS["urllib"].replace("URLS", repr([url]))


@pytest.mark.parametrize(
    "client",
    [
        *("urllib", "curl", "wget"),
        *(pytest.param(each, marks=pytest.mark.load) for each in ("httpx2", "aiohttp")),
    ],
)
def test_what_people_use_finds_the_proxy(client: str, web: int, secure_web: int) -> None:
    if client in {"curl", "wget"} and shutil.which(client) is None:
        pytest.skip(f"{client} is not installed")
    if client in {"httpx2", "aiohttp"}:
        pytest.importorskip(client)
    hosts = (f"api.example.org:{web}", f"api.example.org:{secure_web}")
    urls = [f"http://{hosts[0]}/", f"https://{hosts[1]}/"]
    shown = " ".join(urls) if client in {"curl", "wget"} else repr(urls)
    done, told = run(CLIENTS[client].replace("URLS", shown), *hosts)

    assert done.stdout.decode().split("\n")[:2] == [f"hello {host}" for host in hosts], done
    assert [(each.method, each.allowed) for each in told] == [("GET", True), ("CONNECT", True)]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_host_that_is_not_listed_is_refused_in_words(web: int, backend: str) -> None:
    code = asking(f"https://evil.test:{web}/")
    done, told = run(code, f"api.example.org:{web}", backend=backend)

    assert done.exit == 1
    reason = f"403 evil.test:{web} is not among the hosts of sandbox profile 'net'"
    assert reason in done.stderr.decode()
    assert [(each.host, each.allowed) for each in told] == [("evil.test", False)]


DIRECT = """
import errno, socket
print("it ran")
def attempt(kind, address, send=False, protocol=0):
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    try:
        with socket.socket(family, kind, protocol) as s:
            s.settimeout(2)
            s.connect(address)
            if send:
                s.send(b"x" * 16)
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))
    return "reached"
print(attempt(socket.SOCK_STREAM, ("127.0.0.1", PORT)))
print(attempt(socket.SOCK_STREAM, ("192.0.2.1", PORT)))
print(attempt(socket.SOCK_STREAM, ("::ffff:192.0.2.1", PORT)))
print(attempt(socket.SOCK_DGRAM, ("192.0.2.1", 53), True))
print(attempt(socket.SOCK_DGRAM, ("192.0.2.1", 0), True, socket.IPPROTO_ICMP))
try:
    socket.getaddrinfo("api.example.org", 443)
    print("resolved")
except OSError:
    print("no name")
"""


def test_there_is_no_other_way_out(web: int) -> None:
    with socket.create_connection(("127.0.0.1", web)):
        pass  # outside it is there
    done, told = run(DIRECT.replace("PORT", str(web)), f"api.example.org:{web}")

    marker, loopback, *others, name = done.stdout.decode().split("\n")[:-1]
    assert marker == "it ran", done
    assert loopback == "ECONNREFUSED"
    assert all(each in {"ENETUNREACH", "EACCES", "EPERM", "EINVAL"} for each in others), others
    assert name == "no name"
    assert told == []


def test_who_reaches_nothing_has_no_proxy(web: int) -> None:
    code = (
        "import os, socket\nprint([name for name in os.environ if 'proxy' in name.lower()])\n"
        "try:\n    socket.create_connection(('127.0.0.1', 3128), 2)\n"
        "except OSError as error:\n    print(error.strerror)\n"
    )

    async def call() -> Completed:
        # While another box has one.
        async with sandbox(f"api.example.org:{web}") as other, Sandbox(load_profile("pure")) as box:
            async with anyio.create_task_group() as group:
                group.start_soon(lambda: other.run("import time; time.sleep(3)", timeout=5))
                await anyio.sleep(0.3)
                done = await box.run(code, timeout=5)
                group.cancel_scope.cancel()
            return done

    assert anyio.run(call).stdout.decode() == "[]\nConnection refused\n"


def test_each_box_has_the_hosts_of_its_own_profile(web: int) -> None:
    one, two = f"one.test:{web}", f"two.test:{web}"
    codes = [asking(f"http://{host}/") for host in (one, two)]
    found: dict[str, list[int | None]] = {}

    async def call(host: str) -> None:
        async with sandbox(host) as box:
            found[host] = [(await box.run(code, timeout=10)).exit for code in codes]

    async def both() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(call, one)
            group.start_soon(call, two)

    anyio.run(both)

    assert found == {one: [0, 1], two: [1, 0]}


TAKE_OVER = """
import os, signal, socket
def attempt(do):
    try:
        return do() or "done"
    except OSError as error:
        return error.strerror
def bind(address):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        s.bind(address)
        s.listen()
print("it ran", *(attempt(lambda: bind((host, 3128))) for host in ("127.0.0.1", "0.0.0.0")))
rows = [line.split() for line in open("/proc/net/tcp").read().splitlines()[1:]]
listening = [row[9] for row in rows if row[3] == "0A"]
held = []
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        held += [os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")]
    except OSError:
        pass
print(len(listening), any(f"[{inode}]" in link for inode in listening for link in held))
"""


def test_the_proxys_port_cannot_be_taken_over(web: int) -> None:
    done, _ = run(TAKE_OVER, f"api.example.org:{web}")

    taken = "Address already in use"
    assert done.stdout.decode() == f"it ran {taken} {taken}\n1 False\n", done


FRONTING = f"""
import socket, ssl
print("it ran")
with socket.create_connection(("127.0.0.1", 3128)) as s:
    s.sendall(b"CONNECT api.example.org:PORT HTTP/1.1\\r\\n\\r\\n")
    print(s.recv(100).split()[1].decode())
    context = ssl.create_default_context(cadata={CERTIFICATE!r})
    try:
        context.wrap_socket(s, server_hostname="www.example.org")
        print("fronted")
    except ssl.SSLError as error:
        print(error.reason)
"""


def test_a_tunnel_is_for_the_host_that_it_was_asked_for(secure_web: int) -> None:
    code = FRONTING.replace("PORT", str(secure_web))
    done, told = run(code, f"api.example.org:{secure_web}")

    assert done.stdout.decode() == "it ran\n200\nTLSV1_UNRECOGNIZED_NAME\n", done
    assert [each.allowed for each in told] == [True, False]


def test_what_the_system_gives_a_name_is_checked(web: int) -> None:
    profile = msgspec.structs.replace(load_profile("net"), hosts=(f"localhost:{web}",))
    code = asking(f"http://localhost:{web}/")

    async def call() -> Completed:
        async with Sandbox(profile) as box:
            return await box.run(code, timeout=10)

    assert "localhost may not be reached: it is at" in anyio.run(call).stderr.decode()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_call_that_is_cancelled_leaves_no_connection(backend: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        port = server.getsockname()[1]
        code = (
            "import socket, time\n"
            "s = socket.create_connection(('127.0.0.1', 3128))\n"
            f"host = 'a.test:{port}'\n"
            "s.sendall(f'GET http://{host}/ HTTP/1.1\\r\\nHost: {host}\\r\\n\\r\\n'.encode())\n"
            "time.sleep(30)\n"
        )

        async def call() -> float:
            async with sandbox(f"a.test:{port}") as box, anyio.create_task_group() as group:
                group.start_soon(lambda: box.run(code, timeout=20))
                connection = await anyio.to_thread.run_sync(asked, server)
                with connection:
                    began = time.monotonic()
                    group.cancel_scope.cancel()
                    with anyio.CancelScope(shield=True):
                        await anyio.to_thread.run_sync(read_to_the_end, connection)
                    return time.monotonic() - began
            raise AssertionError

        assert anyio.run(call, backend=backend) < 2


TRUSTING = {
    "urllib": "import urllib.request\nprint(urllib.request.urlopen(URL).read().decode())",
    "requests": "import requests\nprint(requests.get(URL).text)",
    "httpx2": "import httpx2\nprint(httpx2.get(URL).text)",
    "curl": "import subprocess, sys\nsys.exit(subprocess.call(['curl', '-sS', URL]))",
}


@pytest.mark.parametrize("client", [*TRUSTING])
def test_whom_this_machine_trusts_is_trusted_in_a_box(
    client: str, secure_web: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if client == "curl" and shutil.which(client) is None:
        pytest.skip("curl is not installed")
    if client in {"requests", "httpx2"}:
        pytest.importorskip(client)
    host = f"api.example.org:{secure_web}"
    code = TRUSTING[client].replace("URL", repr(f"https://{host}/"))

    unknown, _ = run(code, host)
    assert unknown.exit != 0
    assert b"certificate" in unknown.stderr.lower(), unknown

    file = tmp_path / "authorities.pem"
    file.write_text(CERTIFICATE)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    known, _ = run(code, host)
    assert known.stdout.decode().strip() == f"hello {host}", known


SEES = """
import os
print([os.path.exists(path) for path in PATHS], "SSL_CERT_FILE" in os.environ)
"""


def test_of_certificates_a_box_sees_no_key_and_only_where_it_reaches_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    public, with_key = tmp_path / "public.pem", tmp_path / "with-key.pem"
    public.write_text(CERTIFICATE)
    with_key.write_bytes(PEM.read_bytes())
    code = SEES.replace("PATHS", repr([str(public), str(with_key), "/etc/ssl/private"]))

    monkeypatch.setenv("SSL_CERT_FILE", str(public))
    assert run(code)[0].stdout == b"[True, False, False] True\n"
    with Sandbox.sync("pure") as pure:
        assert pure.run(code).stdout == b"[False, False, False] False\n"

    monkeypatch.setenv("SSL_CERT_FILE", str(with_key))
    assert run(code)[0].stdout.startswith(b"[False, False, False]")


def test_certificates_in_a_box_cannot_be_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    public = tmp_path / "public.pem"
    public.write_text(CERTIFICATE)
    monkeypatch.setenv("SSL_CERT_FILE", str(public))
    done, _ = run(f"print('ran', flush=True)\nopen({str(public)!r}, 'a').write('more')")

    assert done.stdout == b"ran\n"
    assert b"Read-only file system" in done.stderr
    assert public.read_text() == CERTIFICATE
