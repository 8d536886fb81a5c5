"""Do requests arrive as they should, whichever client carries them?"""

from __future__ import annotations

import shutil
import ssl
import subprocess
import sys
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest
import sniffio

from tests.unit.models.raw_server import Received, opened, posted, server, whole
from toolrun import MalformedOutput, ServerUnreachable
from toolrun.models.transport import is_direct

if TYPE_CHECKING:
    from pathlib import Path


PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def test_what_is_sent_of_a_request() -> None:
    seen: list[Received] = []
    async with server(lambda _: whole(b"ok"), seen=seen) as port:
        assert await posted(f"http://127.0.0.1:{port}/v1/", b'{"a":1}') == b"ok"
    (request,) = seen

    assert (request.method, request.target, request.body) == ("POST", "/v1/x", b'{"a":1}')
    assert request.headers["authorization"] == "Bearer EMPTY"
    assert request.headers["content-type"] == request.headers["accept"] == "application/json"
    assert request.headers["user-agent"].startswith("toolrun/")
    assert "gzip" in request.headers["accept-encoding"]


async def test_headers_of_the_users_replace_those_of_the_door() -> None:
    async def key() -> str:
        raise AssertionError("nobody needs it")

    seen: list[Received] = []
    headers = {"authorization": "Basic abc", "USER-AGENT": "mine", "X-Team": "red"}
    async with server(lambda _: whole(b"ok"), seen=seen) as port:
        for api_key in (None, "other", key):
            await posted(f"http://127.0.0.1:{port}/v1", headers=headers, api_key=api_key)

    for request in seen:
        assert request.headers["authorization"] == "Basic abc"
        assert request.headers["user-agent"] == "mine"
        assert request.headers["x-team"] == "red"


async def test_a_key_is_asked_for_at_each_request() -> None:
    keys = iter(["one", "two", "three"])

    async def key() -> str:
        await anyio.lowlevel.checkpoint()
        return next(keys)

    seen: list[Received] = []
    async with (
        server(lambda _: whole(b"ok"), seen=seen) as port,
        opened(f"http://127.0.0.1:{port}/v1", api_key=key) as door,
    ):
        await door.post("/x", b"{}")
        await door.stream("/x", b"{}", lambda _: True)
        await door.get("/x")
    sent = [request.headers["authorization"] for request in seen]
    assert sent == ["Bearer one", "Bearer two", "Bearer three"]


async def test_a_large_body_arrives_whole() -> None:
    body, seen = bytes(range(256)) * 20_000, list[Received]()
    async with server(lambda _: whole(b"ok"), seen=seen) as port:
        await posted(f"http://127.0.0.1:{port}/v1", body)

    assert seen[0].body == body


@pytest.mark.parametrize("status", ["307 X", "308 X"])
async def test_a_redirect_is_followed_with_body_and_key(status: str) -> None:
    seen: list[Received] = []

    def answer(request: Received) -> bytes:
        if request.target.startswith("/v1/"):
            return whole(b"", status=status, headers="location: /moved\r\n")
        return whole(b"ok")

    async with (
        server(answer, seen=seen) as port,
        opened(f"http://127.0.0.1:{port}/v1", api_key="secret") as door,
    ):
        async with anyio.create_task_group() as group:
            for _ in range(3):  # at once: each may be the first that is redirected
                group.start_soon(door.post, "/x", b'{"a":1}')
        assert await door.post("/x", b'{"a":1}') == b"ok"
    arrived = [request for request in seen if request.target == "/moved"]

    assert [(request.method, request.body) for request in arrived] == [("POST", b'{"a":1}')] * 4
    assert {request.headers["authorization"] for request in arrived} == {"Bearer secret"}


async def test_a_redirect_to_another_server_takes_no_key_along() -> None:
    seen: list[Received] = []
    async with server(lambda _: whole(b"ok"), seen=seen) as other:
        moved = f"location: http://127.0.0.1:{other}/y\r\n"
        async with server(lambda _: whole(b"", status="307 X", headers=moved)) as port:
            url = f"http://127.0.0.1:{port}/v1"
            headers = {"X-Api-Key": "secret too", "Cf-Access-Client-Secret": "and this"}
            assert await posted(url, api_key="secret", headers=headers) == b"ok"

    assert seen[0].target == "/y"
    assert "secret" not in str(seen[0].headers)
    assert not {"authorization", "x-api-key", "cf-access-client-secret"} & {*seen[0].headers}


async def test_redirects_without_an_end_are_an_error() -> None:
    moved = whole(b"", status="307 X", headers="location: /x\r\n")
    async with server(lambda _: moved) as port:
        with pytest.raises(MalformedOutput, match="Check base_url"):
            await posted(f"http://127.0.0.1:{port}/v1")


async def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Received] = []
    async with server(lambda _: whole(b"by proxy"), seen=seen) as port:
        monkeypatch.setenv("http_proxy", f"http://bob:sesame@127.0.0.1:{port}")
        assert await posted("http://models.invalid/v1") == b"by proxy"

        async with server(lambda _: whole(b"direct")) as other:
            monkeypatch.setenv("no_proxy", "localhost,127.0.0.0/8")
            assert await posted(f"http://127.0.0.1:{other}/v1") == b"direct"
            assert await posted(f"http://localhost:{other}/v1") == b"direct"
    (request,) = seen

    assert request.target == "http://models.invalid/v1/x"
    assert request.headers["proxy-authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    ("environment", "url", "direct"),
    [
        ({}, "http://a/v1", True),
        ({"no_proxy": "a"}, "http://b/v1", True),
        ({"https_proxy": "http://p"}, "http://a/v1", True),
        ({"http_proxy": "http://p"}, "http://a/v1", False),
        ({"http_proxy": "http://p", "no_proxy": "a,b"}, "http://a:1/v1", True),
        ({"http_proxy": "http://p", "no_proxy": ".a"}, "http://b.a/v1", True),
        ({"http_proxy": "http://p", "no_proxy": "*"}, "http://b.a/v1", True),
        ({"all_proxy": "http://p"}, "https://a/v1", False),
        ({"https_proxy": "http://p", "no_proxy": "a"}, "https://ba/v1", False),
    ],
)
def test_where_the_way_is_direct(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], url: str, *, direct: bool
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert is_direct(url) is direct
    httpx2 = pytest.importorskip("httpx2")
    client = httpx2.AsyncClient()
    if direct:  # and never where httpx2 would take a proxy
        assert client._transport_for_url(httpx2.URL(url)) is client._transport


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command; `.ci/run` installs it")
    folder = tmp_path_factory.mktemp("tls")
    line = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    where: list[str | Path] = ["-keyout", folder / "key.pem", "-out", folder / "certificate.pem"]
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*line.split(), *where, *names], check=True, capture_output=True)
    path = folder / "both.pem"
    path.write_bytes((folder / "key.pem").read_bytes() + (folder / "certificate.pem").read_bytes())
    return path


async def test_tls_trusts_what_the_environment_names_and_nothing_unknown(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with server(lambda _: whole(b"ok"), tls=context) as port:
        url = f"https://127.0.0.1:{port}/v1"
        with pytest.raises(ServerUnreachable, match="CERTIFICATE_VERIFY_FAILED"):
            await posted(url)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert await posted(url) == b"ok"


async def test_cookies_come_back() -> None:
    seen: list[Received] = []
    async with (
        server(lambda _: whole(b"ok", headers="set-cookie: route=1\r\n"), seen=seen) as port,
        opened(f"http://127.0.0.1:{port}/v1") as door,
    ):
        await door.post("/x", b"{}")
        await door.post("/x", b"{}")

    assert "cookie" not in seen[0].headers
    assert seen[1].headers["cookie"] == "route=1"


async def test_the_client_is_that_of_the_event_loop() -> None:
    async with (
        server(lambda _: whole(b"ok")) as port,
        opened(f"http://127.0.0.1:{port}/v1") as door,
    ):
        await door.post("/x", b"{}")
        name = type(door._transport).__name__

    on_asyncio = sniffio.current_async_library() == "asyncio"
    assert name == ("AiohttpTransport" if on_asyncio else "HttpxTransport")


ASK = """
import sys
import anyio
from tests.rig.mock import MockServer, Step
from toolrun import Session

async def main(server):
    async with Session(model=server.model, base_url=server.url) as session:
        return (await session.ask("Hello")).text

with MockServer() as server:
    server.script(Step(content="Hi"))
    assert anyio.run(main, server) == "Hi"
print([name for name in ("openai", "httpx2", "pydantic", "jsonschema") if name in sys.modules])
"""


def test_a_session_needs_no_package_that_takes_long_to_import() -> None:
    said = subprocess.run(
        [sys.executable, "-c", ASK], check=True, capture_output=True, text=True, timeout=60
    )
    assert said.stdout == "[]\n"
