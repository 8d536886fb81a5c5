"""Does a secret reach the tool that declares it, and nobody else?"""

from __future__ import annotations

import base64
import json
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import structlog

from tests.unit.tools import secret_tools
from toolrun import (
    ConfigError,
    EgressDecided,
    Event,
    Session,
    ToolCallFinished,
    ToolDefinitionError,
    ToolOutput,
    tool,
)
from toolrun.testing import ScriptedModel, call

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.security
TOKEN = "ghp_zX81/kQ+77mN=pL0v4"
SECRETS = {"API_TOKEN": TOKEN, "OTHER": "other-value-entirely"}
SHOWN = "[secret API_TOKEN]"
FORMS = (
    TOKEN,
    base64.b64encode(f"user:{TOKEN}".encode()).decode(),
    base64.b64encode(TOKEN.encode()).decode().rstrip("="),
    TOKEN.encode().hex(),
    TOKEN.replace("/", "%2F").replace("+", "%2B").replace("=", "%3D"),
    TOKEN.lower(),
)


async def said(
    function: Callable[..., Any], tmp_path: Path, **options: Any
) -> tuple[str, list[Event], str]:
    """What the model reads of a tool's result, all events, and all that was written down."""
    name = function.__name__
    model = ScriptedModel(call(name, {}), "Done.")
    events: list[Event] = []
    trace = tmp_path / f"{time.monotonic_ns()}.jsonl"
    with structlog.testing.capture_logs() as logs:
        async with Session(
            model=model, tools=[function], trace=trace, **{"secrets": SECRETS, **options}
        ) as session:
            async with session.stream("Go.") as stream:
                events.extend([event async for event in stream])
            result = next(e.result for e in events if isinstance(e, ToolCallFinished))
            transcript = json.dumps(session.messages())
    written = [msgspec.json.encode(event).decode() for event in events]
    printed = [event for event in events if isinstance(event, ToolOutput)]
    written += [
        "".join(each.text for each in printed if each.stream == name)
        for name in ("stdout", "stderr", "progress")
    ]
    return result.content, events, "\n".join([*written, transcript, trace.read_text(), str(logs)])


def check_nothing_is_told(everything: str) -> None:
    assert "marker" in everything
    assert SHOWN in everything
    for form in FORMS:
        assert form not in everything
        assert json.dumps(form)[1:-1] not in everything


@pytest.mark.parametrize(
    "function",
    [
        secret_tools.says_it,
        secret_tools.prints_it_in_pieces,
        secret_tools.raises_it,
        secret_tools.yields_it,
        secret_tools.trusted_says_it,
        secret_tools.trusted_raises_it,
        secret_tools.trusted_yields_it,
    ],
)
async def test_a_secret_is_masked_wherever_its_tool_says_it(
    function: Callable[..., Any], tmp_path: Path
) -> None:
    _, _, everything = await said(function, tmp_path)

    check_nothing_is_told(everything)


async def test_the_tool_itself_has_the_value(tmp_path: Path) -> None:
    content, _, _ = await said(secret_tools.by_its_context, tmp_path)

    assert content == "marker True <secrets: API_TOKEN>"


async def test_a_trusted_tool_has_it_in_its_context_alone(tmp_path: Path) -> None:
    content, _, _ = await said(secret_tools.trusted_says_it, tmp_path)

    assert content == f"marker {SHOWN} <secrets: API_TOKEN> None"


async def test_a_cut_leaves_no_half_of_it(tmp_path: Path) -> None:
    content, _, everything = await said(secret_tools.says_it_where_results_are_cut, tmp_path)

    assert content.startswith("a" * 25 + "[secret")
    assert TOKEN[:5] not in everything


async def test_a_tool_that_declares_none_sees_none(tmp_path: Path) -> None:
    content, _, everything = await said(secret_tools.looks_for_it, tmp_path)
    without, _, _ = await said(secret_tools.trusted_without, tmp_path)

    assert '"marker":"it ran"' in content
    assert "/proc/" in content
    assert "API_TOKEN" not in everything
    assert TOKEN not in everything
    assert without == "marker <secrets: none> 0"


async def test_a_box_that_had_one_tells_the_next_tool_nothing(tmp_path: Path) -> None:
    model = ScriptedModel(
        call("says_it", {}), call("looks_for_it", {}), call("says_it", {}), "Done."
    )
    async with Session(
        model=model, tools=[secret_tools.says_it, secret_tools.looks_for_it], secrets=SECRETS
    ) as session:
        answer = await session.ask("Go.")
    _, looked, _ = [each.result.content for each in answer.tool_calls if each.result]

    assert '"marker":"it ran"' in looked
    assert "API_TOKEN" not in looked
    assert TOKEN not in looked


async def test_the_host_shows_it_in_no_command_line_or_environment(tmp_path: Path) -> None:
    seen: list[str] = []
    looked = 0
    over = threading.Event()

    def look() -> None:
        nonlocal looked
        while not over.is_set():
            for path in Path("/proc").glob("[0-9]*"):
                for name in ("cmdline", "environ"):
                    try:
                        data = (path / name).read_bytes()
                    except OSError:
                        continue
                    looked += b"--args" in data
                    if TOKEN.encode() in data:
                        seen.append(f"{path}/{name}")

    thread = threading.Thread(target=look)
    thread.start()
    try:
        _, _, everything = await said(secret_tools.prints_it_in_pieces, tmp_path)
    finally:
        over.set()
        thread.join()

    assert SHOWN in everything
    assert looked
    assert seen == []
    assert "API_TOKEN" not in os.environ


async def test_a_host_that_is_asked_for_by_it_is_masked(tmp_path: Path) -> None:
    token = "zx81kq77mnpl0v4"
    content, events, everything = await said(
        secret_tools.asks_a_host_for_it,
        tmp_path,
        secrets={"API_TOKEN": token},
        profile={"extends": "net", "hosts": ["example.org:443"], "widen": ["hosts"]},
    )

    assert "marker" in content
    assert [event.host for event in events if isinstance(event, EgressDecided)] == [
        f"{SHOWN}.evil.test"
    ]
    assert token not in everything


async def test_a_function_is_asked_for_what_is_declared(tmp_path: Path) -> None:
    asked: list[str] = []

    async def vault(name: str) -> str:
        asked.append(name)
        return TOKEN

    content, _, _ = await said(secret_tools.trusted_says_it, tmp_path, secrets=vault)

    assert content == f"marker {SHOWN} <secrets: API_TOKEN> None"
    assert asked == ["API_TOKEN", "API_TOKEN"]


def _broken(name: str) -> str:
    raise RuntimeError(f"the vault says {TOKEN}")


@pytest.mark.parametrize(
    ("secrets", "message"),
    [
        (None, "secret API_TOKEN is not there"),
        ({}, "secret API_TOKEN is not there"),
        ({"API_TOKEN": ""}, "secret API_TOKEN is not there"),
        ({"API_TOKEN": "short"}, "fewer than 6 characters"),
        ({"API_TOKEN": "with\0zero"}, "is no text"),
        (lambda name: 5, "is no text"),
        (_broken, "secrets raised RuntimeError$"),
        ({"API_TOKEN": 5}, "must be a name with a string"),
        ("API_TOKEN", "must be a dict, or a function"),
    ],
)
async def test_what_cannot_be_given_is_said_before_anything_is_sampled(
    secrets: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_TOKEN", TOKEN)
    model = ScriptedModel("Never said.")
    with pytest.raises(ConfigError, match=message) as raised:
        async with Session(model=model, tools=[secret_tools.says_it], secrets=secrets):
            pass

    assert TOKEN not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    "names", ["API_TOKEN", ["PATH"], ["LD_PRELOAD"], ["https_proxy"], ["a b"], ["PYTHONPATH"], [1]]
)
def test_a_name_that_is_none_is_refused(names: Any) -> None:
    @tool(trusted=True, secrets=names)
    def f() -> str:
        """Do nothing."""
        return ""

    with pytest.raises(ToolDefinitionError, match="secrets must be a list of names"):
        Session(tools=[f])
