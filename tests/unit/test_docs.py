"""Does the documentation do what it says? Its snippets run, its links lead somewhere, its lists are
complete.

A page runs from top to bottom in one folder, as a reader would. An HTML comment before a snippet
says what the model answers: `<!-- test: script=NAME -->`. With `vllm` in it, the snippet also runs
against the real servers; with `clients`, in the environment of other people's frameworks. `exit=1`
is the exit code of a command that is to fail. A text that is `printed` stands, line by line, in
what the command before it printed; `…` is for lines that the page leaves out, and times and how
many events there were may differ.
"""

from __future__ import annotations

import ast
import itertools
import os
import re
import shlex
import subprocess
import sys
import tomllib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import pytest

import toolrun
from tests.integration.serving import Served
from tests.rig.clients import environment
from tests.rig.mock import Call, Step
from toolrun import errors, events, options, resources, testing
from toolrun.cli.app import app, command
from toolrun.cli.sandbox_show import size
from toolrun.config import load_config
from toolrun.config_sources import PREFIX
from toolrun.models.door import START
from toolrun.sandbox import load_profile
from toolrun.tools import decorator
from toolrun.tools.manifest import load_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _pytest.mark import ParameterSet
    from cyclopts import App

    from tests.rig.clients import Clients
    from tests.rig.mock import MockServer
    from tests.rig.server import VllmServer

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
PAGES: Final = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted(DOCS.rglob("*.md")),
]
NOTES: Final = "Seven words stand in this short note.\n"
_PARIS: Final = Call("get_weather", '{"city":"Paris","unit":"C"}')
_ORDERS: Final = Call("list_orders", '{"customer":7}')
_WARM: Final = Step("The tool says how warm it is.", "It is 20 degrees in Paris.")
# By the names that the real, scripted model has for the same answers (tests/rig/scripts.py).
SCRIPTS: Final[dict[str, tuple[Step, ...]]] = {
    "final": (Step("The user greets me.", "Hello there, friend!"),),
    "one-call": (Step("I need the weather.", tool_calls=(_PARIS,)), _WARM),
    "json": (Step("As JSON, then.", '{"city":"Rome","degrees":21}'),),
    "count": (
        Step("I count.", tool_calls=(Call("word_count", '{"path":"notes.txt"}'),)),
        Step("Counted.", "I have counted the words of notes.txt."),
    ),
    "lost-order": (
        Step("I list her orders and look for 150.", tool_calls=(_ORDERS,)),
        Step("150 is not among them.", "Customer 7 has no order 150."),
    ),
    "found-order": (
        Step("I list her orders and look for 150.", tool_calls=(_ORDERS,)),
        Step("It is sent.", "Order 150 has been sent."),
    ),
    "write-note": (
        Step(
            "I write it down.",
            tool_calls=(Call("write_note", '{"path":"paris.md","text":"Paris is warm."}'),),
        ),
        Step("It is written.", "I have noted it."),
    ),
    "wrong-arguments": (
        Step("I call.", tool_calls=(Call("get_weather", '{"city":7,"unit":"K"}'),)),
        Step("The schema says otherwise.", tool_calls=(_PARIS,)),
        _WARM,
    ),
}
SERVED: Final = "http://localhost:8080/v1"
"""Where pages say that `toolrun serve` is."""
# What a reader types that would install from the network here; test_packaging installs the wheel.
NOT_RUN: Final = {
    "python3 -m venv .venv",
    ". .venv/bin/activate",
    "pip install '.[embedded]' pytest",
}
# Runs a snippet that awaits outside of a function.
_AWAITING: Final = """
import ast, asyncio, sys
code = compile(open(sys.argv[1]).read(), sys.argv[1], "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
asyncio.run(eval(code, {"__name__": "snippet"}))
"""


@dataclass(frozen=True)
class Snippet:
    """A fenced block: where it stands, what it is, what its comment says of the test."""

    page: Path
    line: int
    language: str
    title: str | None
    words: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def script(self) -> str | None:
        return self._word("script")

    @property
    def exit(self) -> int:
        return int(self._word("exit") or 0)

    def _word(self, name: str) -> str | None:
        return next((w.partition("=")[2] for w in self.words if w.startswith(f"{name}=")), None)


def snippets(page: Path) -> Iterator[Snippet]:
    lines = page.read_text(encoding="utf-8").splitlines()
    at = 0
    while at < len(lines):
        if not (fence := re.fullmatch(r"```(\w*)(?: title=\"([^\"]+)\")?(.*)", lines[at])):
            at += 1
            continue
        end = lines.index("```", at + 1)
        assert not fence[3], f"{page}:{at + 1}: the fence says {fence[3]!r}, which nothing reads"
        comment = re.fullmatch(r"<!-- test: (.+) -->", lines[at - 1] if at else "")
        words = tuple(comment[1].split()) if comment else ()
        text = "\n".join(lines[at + 1 : end]) + "\n"
        yield Snippet(page, at + 1, fence[1], fence[2], words, text)
        at = end + 1


ALL: Final = [snippet for page in PAGES for snippet in snippets(page)]
OF_OTHERS: Final = sorted({snippet.page for snippet in ALL if "clients" in snippet.words})
"""Pages with code of frameworks that are not installed beside toolrun."""


def test_there_are_snippets_of_known_kinds() -> None:
    kinds = {snippet.language for snippet in ALL}

    assert kinds == {"python", "console", "text", "toml", "mermaid"}
    assert {snippet.script for snippet in ALL} == {None, *SCRIPTS}


def _running() -> Iterator[ParameterSet]:
    """The pages that have something to run; what a new user begins with is in `make test`."""
    for page in PAGES:
        if page in OF_OTHERS:
            continue
        if any(snippet.language in ("python", "console") for snippet in snippets(page)):
            marks = () if page.parent == ROOT else (pytest.mark.load,)
            yield pytest.param(page, id=str(page.relative_to(ROOT)), marks=marks)


@pytest.mark.parametrize("page", [*_running()])
@pytest.mark.timeout(900)
def test_a_page_runs(page: Path, mock: MockServer, tmp_path: Path) -> None:
    _read(page, mock, Reader(tmp_path, mock.url, mock.model))


@pytest.mark.parametrize("page", OF_OTHERS, ids=lambda page: str(page.relative_to(ROOT)))
@pytest.mark.load
@pytest.mark.timeout(600)
def test_a_page_of_another_framework_runs(
    page: Path, mock: MockServer, clients: Clients, tmp_path: Path
) -> None:
    _read(page, mock, Reader(tmp_path, mock.url, mock.model, clients=clients))


def _read(page: Path, mock: MockServer, reader: Reader) -> None:
    mock.settings(counts=True)
    printed = ""
    with reader.serving:
        for snippet in snippets(page):
            if "printed" in snippet.words:
                _stands_in(snippet, printed)
                continue
            if snippet.script is not None:
                mock.reset()
                mock.settings(counts=True)
                mock.script(*SCRIPTS[snippet.script])
            printed = reader.does(snippet) or printed
            if snippet.script is not None and snippet.language == "python":
                asked = len(mock.bodies())
                assert asked >= len(SCRIPTS[snippet.script]), f"{snippet} asked too little"


def _stands_in(snippet: Snippet, printed: str) -> None:
    """What the page says that a command prints, is what it printed, in this order."""
    rest = iter([_timeless(line) for line in printed.splitlines()])
    for line in snippet.text.splitlines():
        if line and line != "…":
            assert _timeless(line) in rest, f"{snippet}: {line!r} is not in order in\n{printed}"


def _timeless(line: str) -> str:
    return re.sub(r"\b[\d.]+ ?(s|events)\b", r"0 \1", line).rstrip()


@pytest.mark.parametrize("snippet", [s for s in ALL if "vllm" in s.words], ids=str)
def test_a_snippet_runs_on_a_real_server(
    snippet: Snippet, vllm: VllmServer, tmp_path: Path
) -> None:
    reader = Reader(tmp_path, vllm.url, vllm.model, script=snippet.script)
    for before in snippets(snippet.page):
        if before.line < snippet.line and before.title:
            reader.writes(before)
    printed = reader.does(snippet)

    said = {"one-call": "It is 20 degrees in Paris.", "count": "I have counted the words"}
    assert said[str(snippet.script)] in printed


class Reader:
    """Somebody who follows a page: has a folder with notes, a server, and types what it says."""

    def __init__(
        self,
        folder: Path,
        url: str,
        model: str,
        *,
        script: str | None = None,
        clients: Clients | None = None,
    ) -> None:
        self.folder, self.url, self.model, self.script = folder, url, model, script
        self.clients = clients
        self.serving = ExitStack()
        self.served = SERVED
        (folder / "notes").mkdir()
        for name in ("notes.txt", "notes.md"):
            (folder / "notes" / name).write_text(NOTES)
        (folder / "tools.py").write_text(
            "def word_count(path: str) -> int:\n    return len(open(path).read().split())\n"
        )
        self.env = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "TMPDIR": os.environ["TMPDIR"],
            "TOOLRUN_BASE_URL": url,
            "TOOLRUN_MODEL": model,
        }

    def does(self, snippet: Snippet) -> str:
        match snippet.language:
            case "python":
                return self._runs(snippet, self.writes(snippet))
            case "console":
                return "".join(self._types(snippet, line) for line in self._lines(snippet))
            case "toml":
                file = self.writes(snippet)
                if file.name == "toolrun.toml":
                    assert load_config(file, env={}).base_url == options.BASE_URL
                elif "extends" in tomllib.loads(snippet.text):
                    load_profile(str(file))
                else:
                    assert load_manifest(file)
        return ""

    def writes(self, snippet: Snippet) -> Path:
        file = self.folder / (snippet.title or f"line_{snippet.line}.py")
        file.write_text(self._here(snippet.text) if file.suffix == ".py" else snippet.text)
        return file

    def _here(self, code: str) -> str:
        """The code for this folder and this server; a script is asked for in the prompt."""
        code = code.replace("/srv/app", str(self.folder))
        code = code.replace(options.BASE_URL, self.url).replace(options.MODEL, self.model)
        code = code.replace(SERVED, self.served)
        if self.url not in code and not re.search(r"ScriptedModel|nano\(|\"nano\"", code):
            own = f'base_url="{self.url}", model="{self.model}", '
            code = re.sub(r"\bSession\((?=[\w)])", f"Session({own}", code)
        if self.script is not None:
            code = re.sub(r"\.(ask|stream)\(\"", rf'.\1("[[script:{self.script}]] ', code)
        return code

    def _runs(self, snippet: Snippet, file: Path) -> str:
        if "clients" in snippet.words:
            assert self.clients is not None
            return self._run(snippet, [str(self.clients.python), str(file)], environment())
        awaits = False
        try:
            compile(file.read_text(), str(file), "exec")
        except SyntaxError:
            compile(file.read_text(), str(file), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            awaits = True
        command = [sys.executable, *(["-c", _AWAITING] if awaits else []), str(file)]
        return self._run(snippet, command)

    def _lines(self, snippet: Snippet) -> list[str]:
        lines = snippet.text.splitlines()
        assert all(line.startswith("$ ") for line in lines), f"{snippet}: only commands, with $"
        return [line.removeprefix("$ ") for line in lines]

    def _types(self, snippet: Snippet, line: str) -> str:
        words = shlex.split(line)
        match words[0]:
            case "toolrun" if words[1] == "serve":
                served = Served(self.folder, self.url, *words[2:])
                self.served = self.serving.enter_context(served).url
            case "toolrun":
                words = [word.replace(options.BASE_URL, self.url) for word in words[1:]]
                return self._run(snippet, [str(Path(sys.executable).parent / "toolrun"), *words])
            case "pytest":
                return self._run(snippet, [sys.executable, "-m", *words])
            case "make":
                assert re.search(
                    rf"^{words[1]}:.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE
                )
            case "mkdir" | "echo":
                return self._run(snippet, ["sh", "-c", line])
            case "vllm":
                assert line == START, f"{snippet}: toolrun's own message says {START}"
            case _:
                assert line in NOT_RUN, f"{snippet}: nothing checks {line!r}"
        return ""

    def _run(self, snippet: Snippet, command: list[str], env: dict[str, str] | None = None) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=env or self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,  # the embedded model takes minutes where others have the cores
            check=False,
        )
        said = f"{snippet}: {command}\n{done.stdout}{done.stderr}"
        assert done.returncode == snippet.exit, said
        assert "Traceback" not in done.stderr, f"{snippet}\n{done.stderr}"
        return done.stdout


def _links(page: Path) -> set[str]:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return {link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    missing = [link for link in _links(page) if not (page.parent / link.partition("#")[0]).exists()]

    assert missing == []


def test_the_figures_at_the_front_are_those_of_their_pages() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    attacks = (DOCS / "reference/attacks.md").read_text(encoding="utf-8")
    cost = (DOCS / "explanation/performance.md").read_text(encoding="utf-8")
    card = (ROOT / "toolrun/models/nano/CARD.md").read_text(encoding="utf-8")

    tables = attacks.partition("## Attacks with a set-up of their own")[0]
    count = len([line for line in tables.splitlines() if re.match(r"\| (?!attack \|)", line)])
    assert f"| {count} attacks, " in readme
    loops = {row[0]: re.findall(r"\(([\d.]+)\)", " ".join(row)) for row in _ratios(cost)}
    ours = loops["**toolrun**"]
    assert (
        f"| {ours[0]}; in a stream of 250 chunks {ours[1]}; with 100 in flight {ours[2]} |"
        in readme
    )
    others = [loops[name] for name in ("langchain", "openai-agents", "pydantic-ai")]
    unstreamed, streamed = (", ".join(each[n] for each in others) for n in (0, 1))
    assert f"| {unstreamed}; streamed {streamed} |" in readme
    for right in re.findall(r"(\d+ of \d+ \(\d+%\))", readme.partition("[the toy](")[2]):
        assert f"| {right} |" in card
    known = re.search(
        r"knew it\s+in (\d+ of \d+) errands.*?in\s+(\d+\s+of\s+\d+)\s+where", readme, re.DOTALL
    )
    assert known is not None
    for loop, right in zip(
        ("the reply's message", "its content and calls"), known.groups(), strict=True
    ):
        assert re.search(rf"appends {loop} [^|]+\|[^|]+\| {' '.join(right.split())} \(", readme)


def _ratios(page: str) -> list[list[str]]:
    """The first table of what a step costs, without what it says of others beside their names."""
    rows = _table(page, "", "unstreamed")
    return [[row[0].partition(" (")[0], *row[1:]] for row in rows]


def test_every_page_can_be_reached_from_the_index() -> None:
    reached, waiting = set[Path](), [DOCS / "index.md"]
    while waiting:
        page = waiting.pop()
        if page.suffix == ".md" and page not in reached:
            reached.add(page)
            waiting += [(page.parent / link.partition("#")[0]).resolve() for link in _links(page)]

    assert set(DOCS.rglob("*.md")) <= reached


def _rows(page: str) -> list[list[str]]:
    """The rows of all tables of a page, as cells without backticks."""
    lines = (DOCS / page).read_text(encoding="utf-8").splitlines()
    return [
        [cell.strip().replace("`", "") for cell in line.strip("|").split("|")]
        for line in lines
        if line.startswith("| `")
    ]


def _names(page: str) -> list[str]:
    """What the first cells of a page's tables name."""
    return [name for row in _rows(page) for name in re.split(r", ", row[0])]


def test_every_event_is_listed_with_its_fields() -> None:
    place = set(events.Event.__struct_fields__)
    kinds = [*events.Durable.__subclasses__(), *events.Event.__subclasses__()]
    kinds.remove(events.Durable)

    assert {row[0]: row[1].split() for row in _rows("reference/events.md")} == {
        kind.__name__: [name for name in kind.__struct_fields__ if name not in place]
        for kind in kinds
    }


def test_every_error_is_listed() -> None:
    page = (DOCS / "reference/errors.md").read_text(encoding="utf-8")
    kinds = [
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.ToolrunError)
    ]

    assert [kind for kind in kinds if f"`{kind}`" not in page] == []
    assert set(_names("reference/errors.md")) <= set(kinds)


def test_every_setting_is_listed_with_its_variable() -> None:
    properties = resources.schema("config")["properties"]
    keys = [key for key in properties if key != "limits"]
    keys += [f"limits.{key}" for key in properties["limits"]["properties"]]

    assert {row[0]: row[1] for row in _rows("reference/config.md")} == {
        key: f"{PREFIX}{key.replace('.', '_').upper()}" for key in keys
    }
    # `recording` is the rest of the table `trace`, whose keys stand on the page, too.
    assert set(msgspec.structs.asdict(load_config(env={}))) - {"recording"} == set(properties)
    page = (DOCS / "reference/config.md").read_text(encoding="utf-8")
    assert [key for key in properties["trace"]["properties"] if f"- `{key}`: " not in page] == []


def test_every_public_name_is_listed() -> None:
    pages = "".join(
        (DOCS / "reference" / page).read_text(encoding="utf-8")
        for page in ("api.md", "events.md", "errors.md")
    )

    assert [n for n in toolrun.__all__ if not re.search(rf"`{n}\b", pages)] == []


def test_every_public_name_for_tests_is_listed() -> None:
    page = (DOCS / "how-to/test-your-agent.md").read_text(encoding="utf-8")

    assert [n for n in testing.__all__ if not re.search(rf"`{n}\b", page)] == []


def test_every_option_of_a_session_and_of_a_tool_is_listed() -> None:
    api = _names("reference/api.md")
    tool = _names("how-to/add-a-tool.md")

    assert [name for name in options.Options.__annotations__ if name not in api] == []
    assert [name for name in decorator.Options.__slots__ if name not in tool] == []


def test_every_key_of_a_manifest_is_listed() -> None:
    page = (DOCS / "reference/tools.md").read_text(encoding="utf-8")
    keys = [*resources.schema("tool")["$defs"]["tool"]["properties"], "tools"]

    assert [key for key in keys if f"`{key}`" not in page.partition("## Manifests")[2]] == []


def test_every_key_of_a_profile_is_listed() -> None:
    page = (DOCS / "reference/profiles.md").read_text(encoding="utf-8")
    keys = _table(page, "key", "meaning")

    assert [row[0] for row in keys] == [*resources.schema("sandbox-profile")["properties"]]
    every = {name for row in _table(page, "profile", "for") for name in row[0].split()[:1]}
    assert every == set(resources.names("sandboxes"))
    guarantees = resources.schema("sandbox-profile")["properties"]["guarantees"]["items"]["enum"]
    assert [each for each in guarantees if f"`{each}`" not in page] == []
    for name in every:
        assert set(load_profile(name).guarantees) == set(guarantees)


def test_the_limits_of_the_profiles_that_ship_are_listed() -> None:
    page = (DOCS / "reference/profiles.md").read_text(encoding="utf-8")
    head, *rows = _table(page, "key", "pure, workspace-ro, workspace, net", head_too=True)
    seen = {}
    for number, names in enumerate(head[1:], 1):
        for name in names.split(", "):
            seen[name] = {row[0]: row[number] for row in rows}

    assert seen == {
        name: {
            row[0]: size(value).replace(" B", "") if row[0].endswith("_bytes") else f"{value:g}"
            for row in rows
            for value in [getattr(load_profile(name), row[0])]
        }
        for name in resources.names("sandboxes")
    }
    numbers = msgspec.structs.asdict(load_profile("pure")).items()
    assert {row[0] for row in rows} == {k for k, v in numbers if isinstance(v, int | float)}


def _table(page: str, *head: str, head_too: bool = False) -> list[list[str]]:
    """The rows of the table whose head begins with these cells, without backticks."""
    lines = page.splitlines()
    found = next(n for n, line in enumerate(lines) if _cells(line)[: len(head)] == list(head))
    rest = itertools.takewhile(lambda line: line.startswith("|"), lines[found + 2 :])
    return [_cells(line) for line in ([lines[found]] if head_too else []) + list(rest)]


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("`", "") for cell in line.strip("|").split("|")]


def test_every_command_and_option_of_the_command_line_is_listed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (DOCS / "reference/cli.md").read_text(encoding="utf-8")
    monkeypatch.setenv("COLUMNS", "200")
    commands = list(_commands(app, ""))
    assert {"run", "trace show", "sandbox check"} <= set(commands)
    for words in commands:
        assert command([*words.split(), "--help"]) == 0, words
        shown = capsys.readouterr().out
        assert f"toolrun {words}" in shown
        assert re.search(rf"^(## |\| )`toolrun {words}\b", page, re.MULTILINE), words
        boxed = "".join(line for line in shown.splitlines() if line.startswith("\u2502"))
        found = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", boxed)) - {"--help", "--version"}
        assert [option for option in sorted(found) if f"`{option}" not in page] == [], words


def _commands(app: App, before: str) -> Iterator[str]:
    """All that can be typed, but for groups of commands alone."""
    for name in app:
        if not name.startswith("-") and app[name].show:
            below = list(_commands(app[name], f"{before}{name} "))
            yield from below or [f"{before}{name}"]
