"""Does any byte that a session leaves on the disk hold a secret?"""

from __future__ import annotations

import base64
import gzip
import itertools
import json
import time
from typing import TYPE_CHECKING, Any, TypeGuard
from urllib.parse import quote

import msgspec
import pytest

from tests.rig.mock import Call, MockServer, Step
from toolrun import (
    AssistantMessage,
    CallContext,
    ChatModel,
    Event,
    ReasoningDelta,
    Recording,
    Runtime,
    Session,
    SessionOpened,
    TextDelta,
    ToolCall,
    ToolCallFinished,
    ToolOutput,
    ToolResult,
    UserMessage,
    Warned,
    tool,
)
from toolrun.events import Durable
from toolrun.journal import Journal
from toolrun.known import MOST, Known
from toolrun.models.credentials import secrets_among
from toolrun.testing import replay_trace
from toolrun.trace.finding import Finder
from toolrun.trace.reader import read_trace
from toolrun.trace.recording import SMALLEST
from toolrun.trace.redact import Redactor
from toolrun.trace.writer import TraceSink

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from toolrun import Request
    from toolrun.models.model import Observe

KEY = "my-own/Key+of_the-server"
DECLARED = 'pa"ss\\wörd\n2'
PASSWORD = "b4sic-Pa55"
BASIC = base64.b64encode(f"user:{PASSWORD}".encode()).decode()
HEADER = "0123456789-tenant-key"
VARIABLE = "s3cr3t-of-the-b0x"
PIN = "PIN 483920"
NAME = "Ada Lovelace"
BLOCK = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nx8Yq==\n-----END RSA PRIVATE KEY-----"
FORMS = (
    "sk-proj-abcdefghij0123456789",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwx",
    "glpat-abcdefghij0123456789",
    "xoxb-123456789012-abcdefABCDEF",
    "AIzaSyA1234567890abcdefghijklmnopqrstuv",
    "hf_abcdefghijklmnopqrstuvwxyzABCDEFGH",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N",
    BLOCK,
)
SECRETS = (KEY, DECLARED, BASIC, PASSWORD, HEADER, VARIABLE, PIN, NAME, *FORMS)
RECORDING = Recording(
    max_bytes=6 * SMALLEST,
    compress=True,
    blob_bytes=SMALLEST,
    patterns=(r"PIN \d{6}",),
    find=lambda text: [NAME] if NAME in text else [],
)
OPTIONS: dict[str, Any] = {
    "headers": {"Authorization": f"Basic {BASIC}", "X-Api-Key": HEADER, "X-Region": "Berlin"},
    "secrets": {"PASSWORD": DECLARED, "OTHER": "never declared"},
    "profile": {"env": {"DB_PASSWORD": VARIABLE, "MODE": "verbose-mode"}},
    "api_key": KEY,
}


@tool(trusted=True, secrets=["PASSWORD"])
def leak(context: CallContext, said: str) -> str:
    """Tell all that is secret."""
    return json.dumps({"all": [*SECRETS, *context.secrets.values()], "said": said}) * 20


class Ticking:
    """Each look at the clock takes longer than what is observed may wait."""

    def __init__(self) -> None:
        self._times = itertools.count(1_700_000_000.0, 0.3)

    def time(self) -> float:
        return next(self._times)

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


class Saying:
    """A model that says texts in two pieces, cut at every place in turn, and calls a tool."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._steps = iter([(text, cut) for text in texts for cut in range(1, len(text))])
        self.called = False

    async def sample(self, request: Request, observe: Observe | None = None) -> AssistantMessage:
        text, cut = next(self._steps, ("Done.", 2))
        if observe is not None:
            for kind in (ReasoningDelta, TextDelta):
                for piece in (f"It is {text[:cut]}", "", f"{text[cut:]}, you see"):
                    observe(kind(piece))
        whole = f"It is {text}, you see"
        if text == "Done.":
            return AssistantMessage(whole, whole, finish_reason="stop")
        calls: tuple[ToolCall, ...] = ()
        if not self.called:
            self.called = True
            calls = (ToolCall("c1", "leak", json.dumps({"said": "\n".join(SECRETS)})),)
        return AssistantMessage(whole, whole, calls, "tool_calls" if calls else "stop")

    async def aclose(self) -> None:
        return None


def everything(folder: Path) -> dict[str, bytes]:
    """The bytes of every file, those of compressed ones as they were."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            found[path.name] = gzip.decompress(data) if path.suffix == ".gz" else data
            found[f"the name of {path.name}"] = path.name.encode()
    return found


def forms(secret: str) -> set[bytes]:
    """A secret, plain, in JSON, and in JSON in JSON."""
    once = {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    twice = {json.dumps(each, ensure_ascii=False)[1:-1] for each in once}
    return {each.encode() for each in once | twice}


def check_clean(folder: Path, secrets: Sequence[str] = SECRETS) -> None:
    for name, data in everything(folder).items():
        for secret in secrets:
            for form in forms(secret):
                assert form not in data, f"{name} holds {secret!r}"


def check_pieces(path: Path, secrets: Sequence[str] = SECRETS) -> None:
    """No secret comes together from pieces, and no half of one was left."""
    texts: dict[tuple[type, int, int], str] = {}
    for event in read_trace(path, check=True).events:
        if isinstance(event, ReasoningDelta | TextDelta):
            key = (type(event), event.turn, event.step)
            texts[key] = texts.get(key, "") + event.text
    for text in texts.values():
        for secret in secrets:
            assert secret not in text
            assert secret[:6] not in text
            assert secret[-6:] not in text


@pytest.mark.parametrize("texts", [SECRETS[:8], FORMS], ids=["told", "known by their form"])
async def test_no_file_of_a_session_holds_a_secret_that_came_in_two_pieces(
    texts: Sequence[str], tmp_path: Path
) -> None:
    path = tmp_path / "t.jsonl"
    model = Saying(texts)
    turns = sum(len(text) - 1 for text in texts)
    async with (
        Runtime(clock=Ticking(), **OPTIONS) as runtime,
        runtime.session(f"of {KEY}", model=model, tools=[leak], trace=structs(path)) as session,
    ):
        for number in range(turns):
            said = "\n".join(SECRETS) if number % 40 == 0 else "Go on."
            async with session.stream(said) as events:
                async for _ in events:
                    pass
    check_clean(tmp_path)
    check_pieces(path)
    names = {each.name for each in tmp_path.iterdir()}  # noqa: ASYNC240 - nothing else runs
    assert {"t.jsonl.gz", "t.2.jsonl.gz", "t.blobs"} <= names  # all there is was looked at
    written = b"".join(everything(tmp_path).values())
    assert b"Berlin" not in written  # no header stands anywhere
    assert b"verbose-mode" in written  # what is no secret stays
    if turns == sum(len(text) - 1 for text in FORMS):
        await replay_trace(path)


def structs(path: Path) -> Recording:
    return msgspec.structs.replace(RECORDING, path=path)


async def test_no_stream_of_a_server_leaves_a_secret(mock: MockServer, tmp_path: Path) -> None:
    said = " and ".join(SECRETS)
    steps = [
        Step(said, said, (Call("leak", json.dumps({"said": said})),), chunks_per_write=size)
        for size in (1, 3, 8)
    ]
    mock.script(*steps, Step("Done.", f"{said}."))
    options: Any = {"model": mock.model, "base_url": mock.url, "tools": [leak], **OPTIONS}
    path = tmp_path / "t.jsonl"
    async with Session(trace=structs(path), **options) as session:
        async with session.stream(said) as events:
            async for _ in events:
                pass
        await session.ask(said)
    assert any(HEADER in str(each.headers) for each in mock.requests())
    check_clean(tmp_path)
    check_pieces(path)
    await replay_trace(path)


async def test_keys_that_functions_give_become_known(mock: MockServer, tmp_path: Path) -> None:
    keys = [f"key-number-{number}-of-many" for number in range(3)]
    current = keys[0]

    async def key() -> str:
        return current

    async def secret(name: str) -> str:
        return f"value of {name}"

    mock.script(
        *(Step(None, f"You sent {each}, {name}.") for each in keys for name in ["value of A"])
    )
    options: Any = {"base_url": mock.url, "secrets": secret, "tools": [needy]}
    async with Runtime(model=mock.model, api_key=key, **options) as runtime:
        for number, each in enumerate(keys):
            current = each
            mock.script(Step(None, f"You sent {each}, value of A."))
            async with runtime.session(trace=tmp_path / f"{number}.jsonl") as session:
                answer = await session.ask("Which key did I send?")
                assert each in answer.text
    check_clean(tmp_path, [*keys, "value of A"])


@tool(trusted=True, secrets=["A"])
def needy(context: CallContext) -> str:
    """Need a secret."""
    return str(len(context.secrets))


class Named(ChatModel):
    """A model that is called as the server calls it."""

    name = "openai/gpt-oss-20b"


async def test_keys_of_a_model_that_is_handed_in_are_known(
    mock: MockServer, tmp_path: Path
) -> None:
    async def key() -> str:
        return "asked-for-key-1"

    mock.script(Step(None, f"You sent asked-for-key-1, given-key-22, {HEADER}."))
    headers = {"X-Api-Key": HEADER}
    for number, each in enumerate(["given-key-22", key]):
        model = Named(mock.url, api_key=each, headers=headers)  # type: ignore[arg-type]
        async with Session(model=model, trace=tmp_path / f"{number}.jsonl") as session:
            await session.ask("Which key did I send?")
        await model.aclose()
    assert b"asked-for-key-1" in (tmp_path / "0.jsonl").read_bytes()  # which it never had
    (tmp_path / "0.jsonl").write_bytes(
        (tmp_path / "0.jsonl").read_bytes().replace(b"asked-for-key-1", b"")
    )
    (tmp_path / "1.jsonl").write_bytes(
        (tmp_path / "1.jsonl").read_bytes().replace(b"given-key-22", b"")
    )
    check_clean(tmp_path, ["asked-for-key-1", "given-key-22", HEADER])


@pytest.mark.parametrize(
    "find", [lambda text: text, lambda _: [3], lambda _: None, lambda text: 1 / (text == "")]
)
async def test_where_the_hook_fails_nothing_is_written_and_the_session_goes_on(
    find: Any, mock: MockServer, tmp_path: Path
) -> None:
    mock.script(Step(None, "Hello."))
    recording = Recording(path=tmp_path / "t.jsonl", find=find)
    heard = []

    class Hearing:
        observes = True

        def observe(self, event: Any) -> None:
            heard.append(event)

        async def record(self, event: Any) -> None:
            heard.append(event)

    options: Any = {"model": mock.model, "base_url": mock.url}
    async with Session(trace=recording, sinks=[Hearing()], **options) as session:
        assert (await session.ask("Go.")).text == "Hello."
    stopped = [each for each in heard if isinstance(each, Warned) and each.code == "trace-stopped"]
    assert len(stopped) == 1
    assert "Go." not in stopped[0].message
    assert all(b"Go." not in data for data in everything(tmp_path).values())


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ({"Authorization": "Bearer abcdefgh"}, {"Bearer abcdefgh", "abcdefgh"}),
        ({"Proxy-Authorization": "Basic eDp5ejEyMzQ="}, {"eDp5ejEyMzQ=", "yz1234"}),
        ({"Cookie": "id=1234567"}, {"id=1234567"}),
        ({"OPENAI_API_KEY": "abcdefg"}, {"abcdefg"}),
        ({"x-auth-token": "abcdefg", "X-Amz-Security-Token": "hijklmn"}, {"abcdefg", "hijklmn"}),
        ({"DATABASE_URL": "postgres://me:secret-1@db/x"}, {"secret-1"}),
        ({"MODE": "production", "X-Tenant": "acme-corp", "PASSPORT": "abcdefg"}, set()),
        ({"MONKEY": "bananas", "KEYBOARD": "qwertz-layout"}, {"bananas"}),
        ({"API_KEY": "short"}, set()),
    ],
)
def test_secrets_are_told_by_their_names(named: dict[str, str], found: set[str]) -> None:
    assert found <= set(secrets_among(named))
    assert found or not set(secrets_among(named))


@pytest.mark.parametrize("secret", [DECLARED, KEY, "p4/ss wo+rd'X\\9&<", "pünkt\n%2F"])
def test_a_secret_is_found_as_errors_urls_and_json_in_json_write_it(secret: str) -> None:
    once = json.dumps({"x": secret})
    texts = (
        *(f"KeyError: {secret!r}", f"in {[secret]!r}", once, json.dumps(once)),
        f"http://host/?key={quote(secret, safe='')}&a=b",
        f"postgres://user:{quote(secret)}@host",
    )
    redactor = Redactor([secret])

    for text in texts:
        assert "[redacted]" in redactor.text(text), text


def test_of_many_keys_the_newest_are_known() -> None:
    known = Known()
    finder = Finder(known=[known])
    for number in range(MOST + 1):
        known.learn(f"key-{number:03}-")
    known.learn("")
    known.learn(None)
    finder.refresh()
    assert not finder.is_in_text("key-000-")
    assert finder.spans(f"a key-{MOST:03}- b") == [(2, 10)]


@pytest.mark.parametrize(
    "text",
    [
        "the task-based approach of risk-averse desks",
        "AKIA is a prefix, and ghp_ another; xox- and AIza too",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "self_attention hf_token eyJust",
        "Bearer of good news",
    ],
)
def test_what_only_looks_like_a_key_stays(text: str) -> None:
    assert Finder().spans(text) == []


@pytest.mark.parametrize("secret", FORMS)
def test_a_key_of_a_known_form_is_found_whole_and_its_beginning_held(secret: str) -> None:
    finder = Finder()
    text = f'{{"a": "{secret}"}}'
    assert finder.spans(text) == [(7, 7 + len(secret))]
    for cut in range(1, len(secret)):
        begin = finder.open_tail(f"it is {secret[:cut]}")
        assert begin is not None
        assert begin <= 6
    assert finder.open_tail(f"it is {BLOCK}.") is None


@pytest.mark.parametrize(
    "begin", ["-eyJ", "-eyJaaaaaaaa.", "_sk-", " Bearer", "-----BEGIN ", ".eyJ"]
)
def test_a_text_full_of_beginnings_of_keys_takes_no_longer_than_its_length(begin: str) -> None:
    # With the square of it, this one takes minutes; a tool could write it to stop its session.
    text = begin * (400_000 // len(begin)) + " "
    began = time.process_time()

    Finder().spans(text)
    Finder().open_tail(text)

    assert time.process_time() - began < 5


async def record(path: Path, events: Sequence[Event], **options: Any) -> str:
    """Record events as they come slowly, each later than what is observed may wait."""
    sink = TraceSink(path, session="s", **options)
    journal = Journal("s", [sink], clock=Ticking().time)
    for event in (SessionOpened("1", "2026-01-01", {}), *events):
        if isinstance(event, Durable):
            await journal.record(event)
        else:
            journal.observe(event)
    sink.close()
    return path.read_text()  # noqa: ASYNC240 - nothing else runs


PINS = Recording(patterns=(r"PIN \d{6}",))


async def test_a_pattern_is_found_in_pieces_that_come_slowly_and_nothing_else_goes(
    tmp_path: Path,
) -> None:
    said = "Hello there, PIN 483920 is it, and here is more to say."
    pieces = [TextDelta(said[at : at + 3]) for at in range(0, len(said), 3)]
    events = [UserMessage("?"), *pieces, AssistantMessage(said)]
    data = await record(tmp_path / "t.jsonl", events, recording=PINS)
    assert "483" not in data
    shown = "".join(e.text for e in read_trace(tmp_path / "t.jsonl").events if is_text(e))
    assert shown == said.replace(PIN, "[redacted]")


def is_text(event: Event) -> TypeGuard[TextDelta]:
    return isinstance(event, TextDelta)


async def test_a_pattern_that_another_call_comes_between_is_not_shown_in_part(
    tmp_path: Path,
) -> None:
    done = ToolResult("1")
    events = [
        ToolOutput("a", "stdout", "first line\nthe PIN 4839"),
        ToolCallFinished("b", "g", done),
        ToolOutput("a", "stdout", "20 it is\nlast line"),
        ToolCallFinished("a", "f", done),
    ]
    data = await record(tmp_path / "t.jsonl", events, recording=PINS)
    assert "4839" not in data
    assert '"20 it' not in data
    assert "first line" in data
    assert "last line" in data


@pytest.mark.parametrize("options", [{"secrets": ["hunter2"]}, {"recording": PINS}])
async def test_what_may_be_half_a_secret_where_a_trace_ends_is_not_shown(
    options: Any, tmp_path: Path
) -> None:
    events = [UserMessage("?"), TextDelta("it is PIN 48, hunte")]
    data = await record(tmp_path / "t.jsonl", events, **options)
    assert ("hunte" if "secrets" in options else "PIN") not in data
