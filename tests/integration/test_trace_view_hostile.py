"""Can anything that stands in a trace do something in its page? In a real Chromium.

Each payload is put wherever a model, a tool or a server can write. It must be there to read, and
nothing may come of it: no script, no request, no box, no element, no word of the page's policy.
"""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.rig.chromium import CANARY, Seen, aside, looking_at
from tests.unit.trace.journals import written
from toolrun.events import (
    ApprovalDecided,
    ApprovalRequested,
    AssistantMessage,
    EgressDecided,
    FileChanged,
    LimitReached,
    ReasoningDelta,
    Repaired,
    RequestSent,
    Retried,
    ServerToolCalled,
    SessionOpened,
    SettingsChanged,
    TextDelta,
    ToolCallFinished,
    ToolCallStarted,
    ToolOutput,
    TurnFinished,
    TurnUndone,
    UserMessage,
    Warned,
)
from toolrun.trace.view import page as view
from toolrun.trace.view.folder import write_file, write_folder
from toolrun.values import Rule, ToolCall, ToolResult

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from toolrun.events import Event

pytestmark = pytest.mark.load

_RUN: Final = f"window.{CANARY}=1"
PAYLOADS: Final = {
    "end of script": f"</script><script>{_RUN}</script>",
    "end of script, odd": f"</ScRiPt\t><svg/onload={_RUN}>",
    "comment in script": f"<!--<script>{_RUN}//-->",
    "image": f"<img src=x onerror={_RUN}>",
    "image elsewhere": "<img src=https://canary.example/x.png>",
    "svg": f"<svg><animate onbegin={_RUN} attributeName=x dur=1s>",
    "frame": f"<iframe srcdoc='<script>parent.{CANARY}=1</script>'></iframe>",
    "link": f"<a href='javascript:{_RUN}' autofocus onfocus={_RUN}>here</a>",
    "markdown link": f"[here](javascript:{_RUN}) ![x](https://canary.example/y.png)",
    "style": "<style>@import 'https://canary.example/z.css'; * { display: none }</style>",
    "css": "red; background: url(https://canary.example/c.png)} body { display: none",
    "base": "<base href=https://canary.example/><meta http-equiv=refresh content='0;url=x'>",
    "form": "<form action=https://canary.example/><input name=id><button id=query>",
    "clobbering": "<a id=index></a><form name=CSS><a id=conversation></a></form>",
    "math": f"<math><mtext><table><mglyph><style><!--</style><img onerror={_RUN} src=1>",
    "end of all": "</style></title></textarea></noscript></template>]]>--></body></html>",
    "attribute": f'" onmouseover="{_RUN}" \'`${{{_RUN}}}',
    "angular": f"{{{{constructor.constructor('{_RUN}')()}}}}",
    "template": f"${{{_RUN}}} #{{{_RUN}}} <%= {_RUN} %> {{% {_RUN} %}} {{{{data}}}} {{{{script}}}}",
    "string": f"'-alert(1)-'\\\";{_RUN};//\\u003c/script\\u003e",
    "entity": "&lt;script&gt; &amp;#x3c;script> &#0; &NewLine;",
    "line separators": f"a\u2028{_RUN}\u2029b",
    "bidi": "safe\u202etxt.exe\u202c \u2066x\u2069 \u200f\u061c",
    "invisible": "a\u200bb\u2060c\ufeffd \U000e0041\U000e0042",
    "escapes": "\x1b[2J\x1b]0;owned\x07\x1b]8;;javascript:alert(1)\x07 \x9b31m \x08 \x00 \x7f",
    "prototype": "__proto__",
    "method": "constructor",
    "highlight": "$& $1 $` (((( [a- \\",
    "json": '{"__proto__": {"pwned": 1}, "toJSON": "<img src=x>", "a": [1, "</script>"]}',
    "deep": "[" * 400 + "]" * 400,
}
_BAD_ELEMENTS: Final = (
    "img, iframe, svg, math, object, embed, base, style, link, script, form, input"
)


def everywhere(text: str) -> list[Event]:
    """A session in which a text stands wherever one can."""
    call = ToolCall(f"c-{text}", text, text)
    of: Any = {"call_id": call.id}
    function = {"name": text, "description": text, "parameters": {"type": text, text: text}}
    opened = {"model": text, "base_url": text, "instructions": text, "profile": text, text: text}
    tools = [{"type": "function", "function": function}]
    return [
        SessionOpened(text, text, opened, tools),
        UserMessage(text, output={text: text}),
        RequestSent(digest=text, size=1, adds=[{"role": text, "content": text}], dialect=text),
        TextDelta(text),
        Retried(1, text, code=text, server=text),
        ReasoningDelta(text),
        Warned(text, text),
        Repaired(**of, what=text, before=text, after=text),
        AssistantMessage(text, text, (call,), text, response_id=text),
        ApprovalRequested(**of, name=text, arguments={text: text}, reason=text),
        ApprovalDecided(
            **of, decision="edit", rule=Rule(text), reason=text, arguments={text: text}
        ),
        ToolCallStarted(**of, name=text, arguments={text: text}, profile=text),
        ToolOutput(**of, stream="stdout", text=text),
        ToolOutput(**of, stream="stderr", text=text),
        EgressDecided(**of, host=text, port=1, method=text, allowed=False, reason=text),
        FileChanged(**of, path=text, change="created", digest=text, size=1),
        ToolCallFinished(**of, name=text, result=ToolResult(text, "error", 1, text), note=text),
        ServerToolCalled(**of, kind=text, status=text, input=text, output=text),
        SettingsChanged({text: text}),
        LimitReached(text, 1.0),
        TurnFinished("failed", text),
        UserMessage(text),
        TextDelta(text),
        TurnFinished("cancelled"),
        TurnUndone(left=(text,)),
    ]


def traced(folder: Path, text: str) -> Path:
    session = "s" if "\ud800" in text else text[:300]
    path = folder / "t.jsonl"

    def write() -> None:
        written(path, everywhere(text), session=session)

    aside(write)
    return path


def unfold(page: Page) -> None:
    """Open all that can be opened, as a reader would."""
    page.evaluate(
        """() => {
        for (const each of document.querySelectorAll("details")) each.open = true;
        for (const each of document.querySelectorAll(".more")) each.click();
        for (const each of document.querySelectorAll(".raw")) each.click();
        for (const each of document.querySelectorAll(".events details")) each.open = true; }"""
    )
    page.wait_for_timeout(50)
    page.evaluate("document.querySelectorAll('.events .more').forEach(each => each.click())")


def shown(text: str) -> str:
    """What a reader is to see of a text: nothing hidden, nothing that turns the order around."""
    signs = {code: chr(0x2400 + code) for code in range(0x20) if code not in (9, 10)}
    named = [0x7F, *range(0x80, 0xA0), 0x61C, 0x200B, 0x200F, 0x2028, 0x2029, 0x202C, 0x202E]
    named += [0x2060, 0x2066, 0x2069, 0xFEFF, 0xE0041, 0xE0042]
    return text.translate(signs | {code: f"\u27eaU+{code:04X}\u27eb" for code in named})


@pytest.mark.parametrize("text", PAYLOADS.values(), ids=PAYLOADS.keys())
def test_nothing_comes_of_it_and_it_can_be_read(
    text: str, tmp_path: Path, browser: Browser
) -> None:
    page_file = write_file(traced(tmp_path, text), tmp_path / "t.html")

    with looking_at(browser, page_file) as (page, _):
        title = shown(" ".join(text[:480].split())[:120])
        assert page.title() == " ".join(f"{title} \u00b7 toolrun trace".split())
        unfold(page)
        read = page.evaluate("[...document.querySelectorAll('.t')].map(e => e.textContent)")
        seen = shown(text)
        as_json = "".join(seen.split())
        times = sum(seen in each or as_json in "".join(each.split()) for each in read)
        assert times >= 35, f"only {times} times: {read}"
        raw = page.evaluate("[...document.querySelectorAll('.events pre')].map(e => e.textContent)")
        assert len(raw) >= 20
        message = next(each for each in raw if '"UserMessage"' in each)
        assert json.loads(message)["content"] == text
        bad = page.evaluate(f"document.querySelectorAll('main :is({_BAD_ELEMENTS})').length")
        assert bad == 0
        links = page.evaluate(
            "[...document.querySelectorAll('a')].map(a => a.getAttribute('href'))"
        )
        assert all(link is None or link.startswith("#") for link in links)
        # Searching for it, filtering by it and pointing at it do nothing else.
        page.fill("#query", text[:200])
        page.keyboard.press("Enter")
        page.select_option("#filter", index=3)
        page.locator("article").first.hover()
        for key in ("Tab", "Tab", "Tab", "Tab"):
            page.keyboard.press(key)
        page.wait_for_timeout(50)


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"a":' * 50_000 + "1" + "}" * 50_000, "\u202e<b>" * 40_000, "[1," * 20_000],
    ids=["open", "deep", "long", "wide"],
)
def test_much_of_it_is_drawn_all_the_same(text: str, tmp_path: Path, browser: Browser) -> None:
    call = ToolCall("c", "look", text)
    events = [
        UserMessage("Look."),
        AssistantMessage(None, text, (call,), "tool_calls"),
        ToolCallFinished(call_id="c", name="look", result=ToolResult(text)),
        TurnFinished("finished"),
    ]
    aside(written, tmp_path / "t.jsonl", events)

    with looking_at(browser, write_file(tmp_path / "t.jsonl", tmp_path / "t.html")) as (page, _):
        unfold(page)
        assert page.locator("article").count() == 2
        read = page.evaluate("document.querySelector('.result pre').textContent")
        assert "".join(read.split()) == "".join(shown(text).split())


def test_names_of_files_do_nothing_in_the_list(tmp_path: Path, browser: Browser) -> None:
    names = [
        f"<img src=x onerror={_RUN}>",
        f"javascript:{_RUN}",
        f'" onclick="{_RUN}',
        "\u202egpj.exe",
        "#a?b%2e%2e&amp;",
    ]
    for name in names:
        traced(tmp_path, "<b>x</b>").rename(tmp_path / f"{name.replace('/', '_')}.jsonl")
    index, wrong = write_folder(tmp_path, tmp_path / "out")

    assert wrong == []
    with looking_at(browser, index) as (page, seen):
        links = page.locator("tbody a")
        assert links.count() == len(names)
        assert {each.inner_text() for each in links.all()} == {"<b>x</b>"}
        small = page.locator("tbody small").all_inner_texts()
        assert set(small) == {f"{shown(name)}.jsonl" for name in names}
        for at in range(len(names)):
            links.nth(at).click()
            assert page.locator("#turn-1 .said").first.inner_text() == "<b>x</b>"
            page.go_back()
        assert len(seen.requests) >= len(names)
        assert all(url.startswith(index.parent.as_uri()) for url in seen.requests)
        seen.requests[:] = [index.as_uri()]


@pytest.mark.parametrize("guard", ["none", "policy alone"])
def test_without_the_escaping_it_would_be_seen(
    guard: str, tmp_path: Path, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: these tests can fail, and the policy holds where the escaping does not."""
    trace = traced(tmp_path, PAYLOADS["end of script"])
    monkeypatch.setattr(view, "inert", lambda data: data)
    file = write_file(trace, tmp_path / "t.html")
    if guard == "none":
        text = file.read_text()
        before, _, rest = text.partition('<meta http-equiv="Content-Security-Policy"')
        file.write_text(before + rest.partition(">")[2])
    with closing(browser.new_context()) as own:
        page = own.new_page()
        seen = Seen(page)
        page.goto(file.as_uri())
        assert page.evaluate(f"window.{CANARY}") == (1 if guard == "none" else None)
        assert any("Content Security Policy" in each for each in seen.console) == (guard != "none")
