"""Is the document of a session readable, and can nothing in the session be markup of it?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from msgspec import structs

from toolrun import events as ev
from toolrun.trace.behaviour import behaviour_of
from toolrun.trace.markdown import fenced, markdown, quoted
from toolrun.trace.reader import read_trace
from toolrun.values import ToolCall, ToolResult, Usage

RECORDED: Final = Path(__file__).parents[2] / "traces" / "format-1"
SESSION: Final[tuple[ev.Event, ...]] = (
    ev.SessionOpened(
        *("0.2.0", "2026-01-02", {"model": "m", "profile": "pure", "instructions": "Be brief."}),
        [{"type": "function", "function": {"name": "weather"}}],
        session="s",
    ),
    ev.UserMessage("How warm is **Rome**?\n\n- now\n- today", turn=1, time=1.0),
    ev.Retried(1, "busy", code="http-503"),
    ev.AssistantMessage(
        *("I look.", "I must look."),
        (ToolCall("a", "weather", '{"city":"Rome"}'),),
        usage=Usage(10, 5),
        turn=1,
        step=1,
    ),
    ev.ApprovalDecided("a", "approve"),
    ev.ToolCallStarted("a", "weather", {"city": "Rome"}, "pure"),
    ev.ToolCallFinished("a", "weather", ToolResult("20", seconds=0.25)),
    ev.AssistantMessage("It is 20:\n```python\nprint(20 < 21)\n```\nWarm.", turn=1, step=2),
    ev.TurnFinished("finished", turn=1, time=3.5),
)
DOCUMENT: Final = """\
# Session `s`

- model: `m`
- date: `2026-01-02`
- toolrun: `0.2.0`
- profile: `pure`
- tools: `weather`

## Instructions

> Be brief.

## Turn 1

**User**

> How warm is **Rome**?
>
> - now
> - today

*1 failed attempt before this step: `http-503`*

<details>
<summary>Reasoning of step 1</summary>

> I must look.

</details>

**Before the call**

> I look.

**Call** `weather` (approved, sandbox `pure`)

```json
{
  "city": "Rome"
}
```

**Result** (ok, 0.25 s)

```text
20
```

**Answer**

> It is 20:
> ```python
> print(20 < 21)
> ```
> Warm.

*finished, 2 steps, 1 call, 15 tokens, 2.5 s*
"""
ATTACKS: Final = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![x](http://127.0.0.1/pixel.png)",
    "[x](javascript:alert(1))",
    "[x]: javascript:alert(1)\n\n[x]",
    "<http://127.0.0.1/>",
    "</details><h1>out</h1>",
    "```\n</details>\n<script>1</script>",
    "```\nin\n```\n<b>out</b>",
    "~~~\nin\n~~~~ x\n<b>out</b>",
    "`````\n```\n<b>in</b>\n`````",
    "`<b>` and ``<i>``",
    "    <b>code</b>\n\n<b>x</b>",
    "- a\n  ```\n  <b>\n\n<i>",
    "\\<b>\\\\<i>&lt;b&gt;&#60;b>",
    "\\<a href=x>y",
    "a\r<script>\r\n<b>",
    "<!-- comment\n\n<b>",
    "| a |\n|---|\n| <b> |",
    "*[x]: y",
    "1. ```html\n   <b>\n2. </b>",
    "x\u2028<b>\u0085<b>",
)
RENDERER: Final = MarkdownIt("gfm-like", {"html": True, "linkify": False})
TAGS: Final = re.compile(r"</?(\w+)")
# What Markdown itself makes; of these none runs, loads or leads anywhere.
HARMLESS: Final = {
    *("p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "hr", "br"),
    *("em", "strong", "s", "code", "pre", "table", "thead", "tbody", "tr", "th", "td"),
}


def test_a_session_is_a_document() -> None:
    assert markdown(behaviour_of(SESSION)) == DOCUMENT


def test_what_was_compacted_edited_or_left_open_is_said() -> None:
    call = ToolCall("a", "weather", '{"city":"Rome"}')
    events = [
        SESSION[0],
        ev.Compacted(covers=1, summary="They spoke."),
        ev.UserMessage("How warm is Rome?", turn=1, time=1.0),
        ev.AssistantMessage(tool_calls=(call, structs.replace(call, id="b")), turn=1, step=1),
        ev.ApprovalDecided("a", "edit", arguments={"city": "Oslo"}),
        ev.ToolCallStarted("a", "weather", {"city": "Oslo"}, "pure"),
        ev.ToolCallFinished("a", "weather", ToolResult("2", seconds=0.25)),
    ]

    said = markdown(behaviour_of(events))

    assert "*What was sent of the turns before was compacted.*" in said
    edited, left_open = said.split("**Call** ")[1:]
    assert 'as was decided:\n\n```json\n{\n  "city": "Oslo"\n}' in edited
    assert "**Result** (ok, 0.25 s)" in edited
    assert "**Result**" not in left_open
    assert "without an end in this trace" in left_open


def assert_harmless(text: str, allowed: set[str] = HARMLESS) -> str:
    html: str = RENDERER.render(text)
    assert set(TAGS.findall(html)) <= allowed, html
    return html


@pytest.mark.parametrize("text", ATTACKS)
def test_no_text_is_markup_and_none_is_lost(text: str) -> None:
    assert_harmless(quoted(text))
    html = assert_harmless(fenced(text))
    assert html.count("<pre>") == 1
    assert html.rstrip().endswith("</pre>")


@pytest.mark.parametrize("text", ATTACKS)
@pytest.mark.parametrize(
    "where", ["name", "arguments", "result", "error", "code", "limit", "model"]
)
def test_nothing_of_a_session_is_markup_of_its_document(text: str, where: str) -> None:
    plain = set(TAGS.findall(RENDERER.render(DOCUMENT)))
    whole = RENDERER.render(markdown(behaviour_of(SESSION)))
    changes: dict[str, tuple[int, dict[str, Any]]] = {
        "name": (3, {"tool_calls": (ToolCall("a", text, "{}"),)}),
        "arguments": (3, {"tool_calls": (ToolCall("a", "weather", text),)}),
        "result": (6, {"result": ToolResult(text)}),
        "error": (8, {"status": "failed", "error": text}),
        "code": (2, {"code": text}),
        "limit": (7, {}),
        "model": (0, {"settings": {"model": text, "instructions": text}}),
    }
    number, fields = changes[where]
    events: list[ev.Event] = list(SESSION)
    events[number] = structs.replace(events[number], **fields)
    if where == "limit":
        events.insert(8, ev.LimitReached(text, 1, turn=1))
    html = RENDERER.render(markdown(behaviour_of(events)))

    assert set(TAGS.findall(html)) <= plain | HARMLESS, html
    headings = re.findall(r"^<h[12]>.*?</h[12]>$", html, re.MULTILINE)
    assert headings == re.findall(r"^<h[12]>.*?</h[12]>$", whole, re.MULTILINE) or where == "model"
    assert html.count("<details>") == html.count("</details>") == 1


@given(st.text(alphabet="`~<>[]()!\\&;#*_-|: \n\tab1.\r"), st.text(alphabet="`~\n a"))
def test_whatever_is_written_stays_in_its_place(text: str, more: str) -> None:
    after = "\n\nAFTER"
    for block in (quoted(text + more), fenced(text + more)):
        html = RENDERER.render(block + after)
        assert set(TAGS.findall(html)) <= HARMLESS, html
        assert html.endswith("<p>AFTER</p>\n"), html


def test_a_fence_in_a_quote_keeps_its_text_as_it_is() -> None:
    html = RENDERER.render(quoted("Look:\n\n```html\n<b>`x`</b> [y]\n```\n\nand `a < b`."))

    assert "&lt;b&gt;`x`&lt;/b&gt; [y]" in html
    assert "and `a &lt; b`." in html


@pytest.mark.parametrize("file", sorted(RECORDED.glob("*.jsonl")), ids=lambda file: file.stem)
def test_all_that_was_said_is_in_the_document(file: Path) -> None:
    events = read_trace(file).events
    said = [
        text
        for event in events
        if isinstance(event, ev.AssistantMessage)
        for text in (event.content, event.reasoning, *(call.name for call in event.tool_calls))
        if text and "<" not in text
    ]
    said += [event.content for event in events if isinstance(event, ev.ToolCallFinished)]
    document = markdown(behaviour_of(events))

    assert [text for text in said if text.strip("\n") not in document] == []
