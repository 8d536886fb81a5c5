"""Does the model's browser show pages as it should, and only those that it may?

On asyncio alone: it waits for boxes as every tool does, which tests of theirs do on both.
"""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.tools.builtin.asking import results
from tests.unit.tools.builtin.site import site
from toolrun import EgressDecided, MissingExtra, Session, ToolResult
from toolrun.errors import ConfigError
from toolrun.testing import ScriptedModel, call, calls, replay_trace, say
from toolrun.tools.builtin import FolderSearch, Hit, SearxngSearch, browser

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from toolrun.events import AssistantMessage
    from toolrun.tools.work import Serving


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def web() -> Iterator[tuple[int, list[str]]]:
    with site() as served:
        yield served


def opens(url: str | int, **more: Any) -> AssistantMessage:
    return call("browser_open", {"id": url, **more})


def finds(pattern: str, **more: Any) -> AssistantMessage:
    return call("browser_find", {"pattern": pattern, **more})


def searches(query: str, **more: Any) -> AssistantMessage:
    return call("browser_search", {"query": query, **more})


def body(result: ToolResult) -> list[str]:
    """The lines below the head."""
    assert result.outcome == "ok", result.content
    return result.content.split("\n")[3:]


async def test_pages_are_opened_by_url_and_by_link_scrolled_and_searched_in(
    web: tuple[int, list[str]],
) -> None:
    port, asked = web
    here = f"localhost:{port}"
    found = await results(
        opens(f"http://{here}/"),
        opens(0),
        opens(-1, cursor=0, loc=2),
        opens(f"http://{here}/long"),
        opens(-1, loc=795, num_lines=10),
        finds("PARAGRAPH 39"),
        opens(1),
        finds("nowhere"),
        opens("1", cursor=5),
        tools=[browser(private_hosts=[here])],
    )

    assert found[0].content == (
        f"[0] The Museum (http://{here}/)\n"
        "**viewing lines [0 - 5] of 5**\n"
        "\n"
        "L0: # Opening\n"
        "L1: \n"
        "L2: Open from **nine** to five. See 【0†the prices】 and 【1†another†other.test:81】,\n"
        "L3: top.\n"
        "L4: \n"
        "L5: [Image: A dinosaur]"
    )
    assert found[1].content.startswith(f"[1] {here} (http://{here}/prices)\n")
    assert body(found[1]) == ["L0: A ticket costs seven."]
    assert found[2].content.startswith("[2] The Museum")
    assert body(found[2])[0].startswith("L2: Open from")
    assert "**viewing lines [0 - " in found[3].content
    assert len(found[3].content) < 4_500
    assert body(found[4]) == [
        "L795: ", "L796: Paragraph 398 says 158404.", "L797: ", "L798: Paragraph 399 says 159201."
    ]  # fmt: skip
    assert found[5].content.startswith("[5] Find results for text: `PARAGRAPH 39` in `Long` (http")
    assert body(found[5])[:3] == [
        "L0: # 【0†match at L78】", "L1: Paragraph 39 says 1521.", "L2: "
    ]  # fmt: skip
    assert body(found[6])[0] == "L776: Paragraph 388 says 150544."  # four lines before the match
    assert body(found[7]) == ["L0: No `find` results for pattern: `nowhere`"]
    assert body(found[8])[0] == "L776: Paragraph 388 says 150544."
    assert asked == ["/", "/prices", "/long"]  # what was read is still there


async def test_what_cannot_be_shown_is_said(web: tuple[int, list[str]]) -> None:
    port, asked = web
    here = f"http://localhost:{port}"
    found = await results(
        finds("x"),
        opens(f"{here}/prices"),
        opens(4),
        opens(-1, cursor=7),
        opens(-1, loc=50),
        opens(f"{here}/none"),
        opens(f"{here}/pdf"),
        opens(f"{here}/brotli"),
        opens("file:///etc/passwd"),
        opens("http://user:pw@localhost/"),
        opens("http://a b/"),
        tools=[browser(private_hosts=[f"localhost:{port}"])],
    )

    assert [result.outcome for result in found] == ["error", "ok", *["error"] * 9]
    said = [result.content.replace(str(port), "PORT") for result in found]
    assert said[0] == "No pages to access! Search, or open a URL, first."
    assert said[2] == "Invalid link id `4`."
    assert said[3] == "Cursor `7` is out of range. Available cursors: 0 - 0."
    assert said[4] == "Invalid location parameter: `50`. The page has the lines 0 to 0."
    page = "Error fetching URL `http://localhost:PORT"
    assert said[5] == f"{page}/none`: HTTP 404 Not Found."
    assert said[6] == f"{page}/pdf`: it is application/pdf, and only text can be read."
    assert said[7] == f"{page}/brotli`: it is encoded as 'br', which was not asked for."
    assert all("is no URL that can be opened" in text for text in said[8:])
    assert asked == ["/prices", "/none", "/pdf", "/brotli"]


async def test_only_the_hosts_that_are_named_are_reached(web: tuple[int, list[str]]) -> None:
    port, asked = web
    model = ScriptedModel(
        opens(f"http://127.0.0.1:{port}/"),  # the site, by a name that is not listed
        opens("http://evil.test/"),
        opens("https://evil.test/"),
        opens(f"http://localhost:{port}/to?http://127.0.0.1:{port}/"),
        opens(f"http://localhost:{port}/to?http://169.254.169.254/latest/meta-data"),
        opens(f"http://localhost:{port}/to?file:///etc/passwd"),
        opens(f"http://localhost:{port}/to?/prices"),
        opens(f"http://localhost:{port}/to?/to?/to"),
        "Done.",
    )
    tools = [browser(private_hosts=[f"localhost:{port}"])]
    async with Session(model=model, tools=tools) as session, session.stream("Go.") as events:
        seen = [event async for event in events]
        assert events.answer is not None
        found = [c.result for c in events.answer.tool_calls if c.result is not None]

    allowed = f"Hosts that may be opened: localhost:{port}."
    for result in found[:5]:
        assert result.outcome == "error"
        assert "is not among the hosts" in result.content
        assert result.content.endswith(allowed)
    assert found[5].outcome == "error"
    assert "root:" not in found[5].content
    assert body(found[6]) == ["L0: A ticket costs seven."]
    assert found[6].content.startswith(f"[0] localhost:{port} (http://localhost:{port}/prices)")
    assert found[7].outcome == "error"
    assert all(path.startswith("/to") or path == "/prices" for path in asked)
    decided = [event for event in seen if isinstance(event, EgressDecided)]
    assert {(e.host, e.allowed) for e in decided} == {
        ("127.0.0.1", False), ("evil.test", False), ("169.254.169.254", False), ("localhost", True)
    }  # fmt: skip


async def test_without_hosts_nothing_is_fetched() -> None:
    found = await results(opens("example.org"), tools=[browser()])

    assert found[0].content == (
        "Error fetching URL `https://example.org`: it may not be. Hosts that may be opened: none."
    )


@pytest.mark.load
async def test_encodings_are_read_and_what_is_huge_deep_or_folded_is_bounded(
    web: tuple[int, list[str]],
) -> None:
    port, _ = web
    here = f"http://localhost:{port}"
    names = ("latin", "meta", "json", "gzip", "deflate", "bomb", "huge", "wide")
    found = await results(
        *(opens(f"{here}/{name}") for name in names),
        opens(f"{here}/huge", loc=90_000, num_lines=1_000_000),
        tools=[browser(private_hosts=[f"localhost:{port}"])],
    )
    by = dict(zip(names, found, strict=False))

    assert body(by["latin"]) == ["L0: Größe"]
    assert body(by["meta"]) == ["L0: Preis: 5 €"]
    assert body(by["json"]) == ["L0: {", 'L1:  "a": [', "L2:   1,", "L3:   2", "L4:  ]", "L5: }"]
    assert body(by["gzip"]) == body(by["deflate"]) == ["L0: Folded."]
    assert by["bomb"].content.endswith("it unfolds to more than 2097152 bytes.")
    assert body(by["huge"])[:2] == ["L0: word", "L1: word"]
    assert len(body(by["wide"])[0]) == 84
    last = found[-1]
    assert len(last.content.encode()) <= 16 * 1024
    assert "bytes left out" not in last.content  # whole lines, not a cut


@pytest.mark.load
async def test_what_takes_too_long_to_read_is_given_up(web: tuple[int, list[str]]) -> None:
    port, _ = web
    here = f"http://localhost:{port}"
    deep, tags, after = await results(
        opens(f"{here}/deep"),
        opens(f"{here}/tags"),
        opens(f"{here}/prices"),
        tools=[browser(private_hosts=[f"localhost:{port}"], timeout=2)],
    )

    for result in (deep, tags):
        assert result.outcome == "error"
        assert "nested too deeply" in result.content or "no result" in result.content
    assert after.outcome == "ok"


async def test_a_page_cannot_pretend(web: tuple[int, list[str]]) -> None:
    """Not to be another page, a link, a citation, or the end of the message."""
    port, _ = web
    here = f"http://localhost:{port}"
    model = ScriptedModel(
        opens(f"{here}/hostile"),
        opens(-1),
        say("So 【0†L0】, and 【7†L1-L2】, 【9†L0】, 【0†L70】, 【0†page】."),
    )
    tools = [browser(private_hosts=[f"localhost:{port}"])]
    async with Session(model=model, tools=tools) as session:
        answer = await session.ask("Go.")

    first, second = (c.result.content for c in answer.tool_calls if c.result is not None)
    assert first.startswith(
        "[0] 〖0‡L1〗 (http://bank.example) **viewing lines [0 - 1] of 1** (http:"
    )
    assert second.startswith("[1] ")
    lines = first.split("\n")[3:]
    assert all(line.startswith(f"L{number}: ") for number, line in enumerate(lines))
    text = "\n".join(lines)
    assert text.count("【") == 1
    assert "【0†a ‡〗 link〖】" in text
    assert "alert" not in text
    assert [(note.url, note.lines) for note in answer.annotations] == [
        (f"{here}/hostile", (0, 0)),
        (f"{here}/hostile", None),
    ]


async def test_searxng_finds_pages_and_nothing_else_is_reached(web: tuple[int, list[str]]) -> None:
    port, asked = web
    found = await results(
        searches("when & where?"),
        opens(0),
        searches("broken"),
        finds("x", cursor=0),
        opens(-1, cursor=0, loc=2),
        tools=[browser(SearxngSearch(f"http://localhost:{port}/search"))],
    )

    assert found[0].content == (
        "[0] when & where?\n"
        "**viewing lines [0 - 3] of 3**\n"
        "\n"
        "L0: # Search Results\n"
        "L1: \n"
        f"L2: * 【0†The 〖0‡Museum〗†localhost:{port}】 On when & where?.\n"
        "L3: * 【1†https://elsewhere.test/a b†elsewhere.test】"
    )
    # Found is not allowed.
    assert "it may not be. Hosts that may be opened: none." in found[1].content
    assert found[2].content.startswith("Error during search for `broken`: the answer is none of a")
    assert "cannot be searched in" in found[3].content
    assert body(found[4])[0].startswith("L2: * 【0†")
    assert len(asked) == 2
    with pytest.raises(ConfigError, match="no URL of a search"):
        SearxngSearch("localhost:8080")


async def test_a_search_of_ones_own() -> None:
    class Mine:
        source = "notes"
        needs = ()

        async def search(self, query: str, topn: int, serving: Serving) -> Sequence[Hit]:
            if query == "fail":
                raise RuntimeError("the index is gone")
            return [Hit(f"{query} {topn} {serving.context.tenant}", "http://x.test/")]

    model = ScriptedModel(searches("a", topn=100), searches("fail"), "Done.")
    async with Session(model=model, tools=[browser(Mine())], tenant="acme") as session:
        answer = await session.ask("Go.")
    first, second = (c.result for c in answer.tool_calls)

    assert first is not None
    assert second is not None
    assert "【0†a 20 acme†x.test】" in first.content
    assert second.content == "Error during search for `fail`: the index is gone"
    assert "sources=notes." in model.requests[0].tools[0]["function"]["description"]


def test_the_tools_that_there_are() -> None:
    with_search = browser(SearxngSearch("http://localhost:1/"), hosts=["example.org:443"])

    assert [tool.name for tool in with_search.tools] == [
        "browser_search", "browser_open", "browser_find"
    ]  # fmt: skip
    assert [tool.name for tool in browser().tools] == ["browser_open", "browser_find"]
    assert "Hosts that may be opened: example.org:443." in with_search.tools[1].description
    with pytest.raises(ConfigError, match="no host with a port"):
        browser(hosts=["example.org"])


def test_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda n: None if n == "markdownify" else find(n)
    )
    monkeypatch.setitem(__import__("sys").modules, "markdownify", None)
    with pytest.raises(MissingExtra, match=r"toolrun\[browser\]"):
        browser()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    docs = tmp_path / "docs"
    (docs / "sub").mkdir(parents=True)
    (docs / "bread.md").write_text("# Bread\nBread is baked from flour at 220 degrees.\n")
    (docs / "sub" / "cake.html").write_text(
        "<title>Cake</title><p>Cake is sweet, and baked. <a href='../bread.md'>Bread</a></p>"
    )
    (docs / ".hidden.md").write_text("# Hidden\nbaked baked baked\n")
    (docs / "image.png").write_bytes(b"\x89PNG baked")
    (tmp_path / "outside.txt").write_text("the secret is baked")
    (docs / "link.txt").symlink_to(tmp_path / "outside.txt")
    (docs / "up").symlink_to(tmp_path)
    os.mkfifo(docs / "waits.txt")  # who opens it waits for whoever writes
    return docs


async def test_a_folder_is_searched_and_read(folder: Path) -> None:
    found = await results(
        searches("baked flour?"),
        opens(1),
        opens(0),
        finds("220"),
        opens(0, cursor=0, view_source=True),
        searches("zebra"),
        tools=[browser(FolderSearch(folder))],
    )

    assert body(found[0]) == [
        "L0: # Search Results",
        "L1: ",
        "L2: * 【0†Bread】 # Bread Bread is baked from flour at 220 degrees.",
        "L3: * 【1†Cake】 # Cake Cake is sweet, and baked. Bread",
    ]
    assert found[1].content.startswith("[1] Cake (folder:sub/cake.html)\n")
    assert body(found[1]) == ["L0: Cake is sweet, and baked. 【0†Bread】"]
    assert found[2].content.startswith("[2] Bread (folder:bread.md)\n")
    assert body(found[3])[0] == "L0: # 【0†match at L1】"
    assert found[4].content.startswith("[4] Bread (view-source:folder:bread.md)")
    assert body(found[5])[2] == "L2: Nothing was found."


@pytest.mark.parametrize(
    "url",
    [
        "folder:../outside.txt",
        "folder:sub/../../outside.txt",
        "folder:%2e%2e/outside.txt",
        "folder:..%2Foutside.txt",
        "folder:/etc/passwd",
        "folder:///etc/passwd",
        "folder:link.txt",
        "folder:up/outside.txt",
        "folder:.hidden.md",
        "folder:",
        "folder:sub",
        "folder:a%00b",
    ],
)
def test_nothing_outside_the_folder_is_read_even_by_what_runs_in_the_box(
    folder: Path, url: str
) -> None:
    """Here without a box: the function holds by itself, and the box sees nothing else besides."""
    from toolrun.tools.builtin.inside import files

    assert "error" in files.read(str(folder), url)
    assert files.read(str(folder), "folder:bread.md")["title"] == "Bread"


async def test_the_box_of_a_folder_does_not_see_what_lies_beside_it(folder: Path) -> None:
    from toolrun.sandbox import Sandbox

    look = "import os\nprint('ran', os.path.exists('bread.md'), os.path.exists('../outside.txt'))"
    need = FolderSearch(folder).needs[0]
    async with Sandbox(need.profile, workspace=need.workspace) as sandbox:
        done = await sandbox.run(look)

    assert done.stdout == b"ran True False\n"


async def test_what_was_seen_is_what_the_transcript_says(folder: Path, tmp_path: Path) -> None:
    """So an undo takes pages back, a fork has them, a transcript brings them, a replay agrees."""
    trace = tmp_path / "trace.jsonl"
    tools = [browser(FolderSearch(folder))]
    model = ScriptedModel(
        searches("flour baked"), opens(0), "Seen.",
        opens("folder:bread.md"), "Undone.",
        opens(1, cursor=0), say("【2†L0】"),
    )  # fmt: skip
    async with Session(model=model, tools=tools, trace=trace) as session:
        await session.ask("One.")
        await session.ask("Two.")
        await session.undo()
        answer = await session.ask("Three.")
        fork_model = ScriptedModel(*["-"] * 7, finds("sweet", cursor=2), opens(0), "Forked.")
        async with session.fork(model=fork_model, trace=None) as fork:
            forked = await fork.ask("Find.")
        said = session.messages()
    again = ScriptedModel(finds("sweet"), opens(-1, cursor=3), opens(-1, cursor=0), "-")
    async with Session(model=again, tools=tools, messages=said) as resumed:
        brought = await resumed.ask("Find.")
    report = await replay_trace(trace)

    assert [note.title for note in answer.annotations] == ["Cake"]
    contents = [
        c.result.content for a in (answer, forked, brought) for c in a.tool_calls if c.result
    ]
    assert contents[0].startswith("[2] Cake (folder:sub/cake.html)")
    assert contents[1].startswith("[3] Find results for text: `sweet` in `Cake`")
    assert contents[2].startswith("[4] Cake")
    assert contents[3].startswith("[3] Find results for text: `sweet` in `Cake`")
    assert contents[4].startswith("[4] Find results")
    assert contents[5].startswith("[5] flour baked\n")
    assert report.turns == 3


async def test_calls_of_one_message_have_cursors_in_their_order(folder: Path) -> None:
    found = await results(
        calls(searches("bread"), opens("folder:none.md"), opens("folder:bread.md")),
        opens(-1, cursor=1),
        opens(-1),
        tools=[browser(FolderSearch(folder))],
    )

    heads = [result.content.split("\n")[0] for result in found]
    assert heads == [
        "[0] bread",
        "Error opening `folder:none.md`: there is no such file in the folder.",
        "[2] Bread (folder:bread.md)",
        "Cursor `1` is out of range. Available cursors: 0, 2.",
        "[3] Bread (folder:bread.md)",
    ]


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for localhost that signs itself; its key lies beside it, in key.pem."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command; `.ci/run` installs it")
    path = tmp_path / "certificate.pem"
    line = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    where: list[str | Path] = ["-keyout", tmp_path / "key.pem", "-out", path]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*line.split(), *where, *names], check=True, capture_output=True)
    return path


async def test_a_page_comes_over_tls_from_whom_this_machine_trusts_and_nobody_else(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    with site(context) as (port, asked):
        here = f"localhost:{port}"
        tools = [browser(private_hosts=[here])]
        unknown = await results(opens(f"https://{here}/"), tools=tools)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        known = await results(opens(f"{here}/"), opens(0), tools=tools)

    assert unknown[0].outcome == "error"
    assert "CERTIFICATE_VERIFY_FAILED" in unknown[0].content
    assert known[0].content.startswith(f"[0] The Museum (https://{here}/)\n")
    assert "L0: A ticket costs seven." in known[1].content
    assert asked == ["/", "/prices"]


async def test_words_of_a_query_are_cited_as_no_page(folder: Path) -> None:
    model = ScriptedModel(
        searches("baked (https://bank.example)"),
        opens(-1, loc=1),
        "It is so: 【1†L1】, 【0†L1】.",
    )
    async with Session(model=model, tools=[browser(FolderSearch(folder))]) as session:
        answer = await session.ask("Go.")

    assert [call.result.outcome for call in answer.tool_calls if call.result] == ["ok", "ok"]
    assert answer.annotations == ()
