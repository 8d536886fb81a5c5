"""What becomes of a stranger's bytes, a folder's files and a notebook's code, beside any box?

`test_browser.py` and `test_interpreter.py` try the same in boxes, where nothing measures it.
"""

from __future__ import annotations

import os
import sys
import zlib
from email.message import Message
from itertools import chain, repeat
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self

import pytest

from toolrun.tools.builtin.inside import files, notebook, page, web

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HERE = "https://here.example/a/b"


def html(body: str, url: str = HERE) -> dict[str, Any]:
    return page.page_of(body.encode(), "text/html", "", url)


def test_links_are_numbered_once_and_name_another_host() -> None:
    shown = html(
        "<title> A\ntitle </title><script>gone()</script>"
        '<a href="/x">one</a> <a href="/x#part">again</a> <a href="https://there.example/">two</a>'
    )

    assert shown["title"] == "A title"
    assert shown["text"] == "【0†one】 【0†again】 【1†two†there.example】"
    assert shown["links"] == ["https://here.example/x", "https://there.example/"]


@pytest.mark.parametrize(
    ("anchor", "text"),
    [
        ('<a href="/x"> </a>', ""),
        ("<a>no target</a>", "no target"),
        ('<a href="#part">in the page</a>', "in the page"),
        ('<a href=" ">nothing</a>', "nothing"),
        ('<a href="mailto:a@b.example">mail</a>', "mail"),
        ('<a href="http://[">no address</a>', "no address"),
        ('<a href="http:///path">no host</a>', "no host"),
        ('<img alt="a 【0†fake】 cat">', "[Image: a 〖0‡fake〗 cat]"),
        ('<img title="a dog">', "[Image: a dog]"),
        ("<img>", ""),
    ],
)
def test_what_leads_nowhere_is_plain_text(anchor: str, text: str) -> None:
    assert html(anchor) == {"title": "", "text": text, "links": []}


def test_links_beyond_the_most_stay_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "MAX_LINKS", 1)

    shown = html('<a href="/x">one</a> <a href="/y">two</a> <a href="/x">one</a>')

    assert shown["text"] == "【0†one】 two 【0†one】"
    assert shown["links"] == ["https://here.example/x"]


def test_links_of_a_folder_stay_in_it() -> None:
    here = "folder:deep/page.html"

    assert page.absolute(here, "../other.md") == "folder:other.md"
    assert page.absolute(here, "https://there.example/x") == "https://there.example/x"


@pytest.mark.parametrize(
    ("data", "kind", "text"),
    [
        (b"<!DOCTYPE html><p>seen", "", "seen"),
        (b"<p>as it is", "text/plain", "<p>as it is"),
        (b'{"a":1}', "application/ld+json", '{\n "a": 1\n}'),
        (b'{"a":', "application/json", '{"a":'),
        ("\ufeff【0†fake】".encode(), "", "〖0†fake〗"),
    ],
)
def test_kinds_of_text(data: bytes, kind: str, text: str) -> None:
    assert page.page_of(data, kind, "", HERE)["text"] == text


@pytest.mark.parametrize(
    ("data", "kind", "why"),
    [
        (b"PNG", "image/png", "it is image/png, and only text can be read"),
        (b"a\0b", "", "it is no text"),
        (b"<html>" + b"<b>" * 4_000, "", "its HTML is nested too deeply"),
    ],
)
def test_what_is_no_text_is_refused(data: bytes, kind: str, why: str) -> None:
    before = sys.getrecursionlimit()
    try:
        with pytest.raises(page.Unreadable, match=why):
            page.page_of(data, kind, "", HERE)
    finally:
        sys.setrecursionlimit(before)


@pytest.mark.parametrize(
    ("charset", "text"),
    [("latin-1", "Ã©\x80"), ("utf-8", "é�"), ("no-such", "Ã©\x80"), ("", "é�")],
)
def test_encodings_that_are_wrong(charset: str, text: str) -> None:
    assert page.source_of(b"\xc3\xa9\x80", charset)["text"] == text


def test_long_lines_are_broken_and_long_pages_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "MAX_TEXT", 100)

    text = page.source_of(b"word " * 18 + b"end\n" + b"x" * 10, "")["text"]

    assert [len(each) for each in text.split("\n")[:2]] == [79, 13]
    assert text.endswith("[The page goes on: 4 bytes are left out.]")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.md").write_text("# Cats\n\nA cat is a cat.")
    (tmp_path / "b.html").write_text("<title>Dogs &amp; cats</title><script>cat</script><p>one cat")
    (tmp_path / "c.txt").write_text("nothing of it")
    (tmp_path / "picture.png").write_text("cat")
    (tmp_path / ".hidden.md").write_text("cat")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "d.md").write_text("cat")
    (tmp_path / "link.md").symlink_to("c.txt")
    os.mkfifo(tmp_path / "pipe.md")
    return tmp_path


def test_a_search_ranks_documents_alone(folder: Path) -> None:
    hits = files.search(str(folder), "CAT", 10)["hits"]

    assert [(each["title"], each["url"]) for each in hits] == [
        ("Cats", "folder:deep/a.md"),
        ("Dogs & cats", "folder:b.html"),
    ]
    assert "A cat is a cat." in hits[0]["text"]
    assert len(files.search(str(folder), "cat", 1)["hits"]) == 1
    assert files.search(str(folder), "zebra", 10) == {"hits": []}
    assert files.search(str(folder / ".hidden"), "zebra", 10) == {"hits": []}


def test_a_search_reads_so_much_and_no_more(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_FILES", 1)
    hits = files.search(str(folder), "cat", 9)["hits"]
    assert [each["url"] for each in hits] == ["folder:b.html"]

    monkeypatch.setattr(files, "_ALL_BYTES", 10)
    assert files.search(str(folder), "cat", 9) == {"hits": []}


def test_a_file_that_cannot_be_opened_is_passed_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = files._bytes

    def closed(path: Path) -> bytes:
        if path.name == "b.html":
            raise PermissionError(13, "Permission denied")
        return whole(path)

    monkeypatch.setattr(files, "_bytes", closed)

    hits = files.search(str(folder), "cat", 10)["hits"]
    assert [each["url"] for each in hits] == ["folder:deep/a.md"]
    assert files.read(str(folder), "b.html") == {"error": "Permission denied"}


def test_html_without_a_title_is_named_after_its_file(folder: Path) -> None:
    (folder / "e.htm").write_text("<p>zebra")

    assert files.search(str(folder), "zebra", 1)["hits"][0]["title"] == "e.htm"


class Answer:
    """What `urlopen` gives: a body in pieces, from where it came."""

    def __init__(self, *pieces: bytes, url: str = HERE, **headers: str) -> None:
        self._pieces = iter(pieces)
        self._url = url
        self.headers = Message()
        for name, value in headers.items():
            self.headers[name.replace("_", "-")] = value

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def geturl(self) -> str:
        return self._url

    def read1(self, _: int) -> bytes:
        return next(self._pieces, b"")


def fetched(monkeypatch: pytest.MonkeyPatch, answer: Answer, times: Iterator[int]) -> Any:
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: answer)
    monkeypatch.setattr(web, "time", SimpleNamespace(monotonic=lambda: next(times)))
    return web.fetch(HERE, 5)


def test_a_page_is_read_in_pieces_and_unfolded(monkeypatch: pytest.MonkeyPatch) -> None:
    folded = zlib.compress(b"<b>text</b>")
    answer = Answer(
        folded[:4], folded[4:], content_encoding="Deflate", content_type="text/plain; charset=ascii"
    )

    shown = fetched(monkeypatch, answer, repeat(0))

    assert shown == {"url": HERE, "title": "", "text": "<b>text</b>", "links": []}


def test_where_a_page_came_from_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fetched(monkeypatch, Answer(b"x", url=f"{HERE} y"), repeat(0))["url"] == f"{HERE}%20y"


@pytest.mark.parametrize(
    ("answer", "times", "why"),
    [
        (Answer(url="file:///etc/passwd"), repeat(0), "it leads to something that is no page"),
        (Answer(b"x", content_encoding="br"), repeat(0), "it is encoded as 'br'"),
        (Answer(b"text", content_encoding="gzip"), repeat(0), "it is not the gzip that it says"),
        (Answer(b"x"), chain((0,), repeat(6)), "it takes too long to come"),
        (
            Answer(zlib.compress(b"x" * 2_097_153), content_encoding="deflate"),
            repeat(0),
            "it unfolds to more than 2097152 bytes",
        ),
    ],
)
def test_what_does_not_come_as_it_should_is_refused(
    monkeypatch: pytest.MonkeyPatch, answer: Answer, times: Iterator[int], why: str
) -> None:
    assert fetched(monkeypatch, answer, times)["error"].startswith(why)


def test_a_page_that_is_too_long_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "MAX_BYTES", 6)

    assert fetched(monkeypatch, Answer(b"abcd", b"efgh", b"ij"), repeat(0))["text"] == "abcdef"


def test_the_last_expression_is_printed_and_kept(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}

    assert notebook.run("a = 6\na * 7", "<call 1>", names)
    assert notebook.run("None", "<call 2>", names)
    assert notebook.run("", "<call 3>", names)
    assert notebook.run("b = _", "<call 4>", names)

    assert capsys.readouterr().out == "42\n"
    assert names["b"] == 42


def test_a_traceback_begins_with_the_code_s_own_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert not notebook.run("def f():\n    1 / 0\nf()", "<call 1>", {})
    told = capsys.readouterr().out
    assert "notebook.py" not in told
    assert 'File "<call 1>", line 3' in told
    assert told.endswith("ZeroDivisionError: division by zero\n")

    assert not notebook.run("a b", "<call 2>", {})
    assert capsys.readouterr().out.endswith("SyntaxError: invalid syntax\n")


def test_a_traceback_comes_though_the_code_closed_its_output(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", None)

    assert not notebook.run("1 / 0", "<call 1>", {})

    assert capfd.readouterr().out.endswith("ZeroDivisionError: division by zero\n")
