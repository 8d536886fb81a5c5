"""Does a person's word decide on a call, and nothing else?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import Struct

from toolrun.cli.about import ToolLine
from toolrun.cli.chat.approving import decides
from toolrun.cli.log import Mask
from toolrun.cli.screen import NOTE, SANDBOXED, TRUSTED, WARNING, WIDER, Style
from toolrun.config import Config
from toolrun.decisions import Approve, Decision, Deny, Edit
from toolrun.errors import ConfigError
from toolrun.events import ApprovalRequested
from toolrun.values import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolrun.cli.chat.face import Question
    from toolrun.cli.chat.view.blocks import Block

RM = ApprovalRequested("c1", "rm", {"path": "notes/a.md"}, "rm asks for approval")
MV = ApprovalRequested("c2", "mv", {"path": "notes/b.md", "to": "c"}, "asks")
TOOLS = (
    ToolLine("rm", "workspace", "Remove.", approve=True),
    ToolLine("mv", None, "Move.", approve=True),
    ToolLine("get", "net", "Get.", approve=True, more=("network allow-list", "hosts a.example")),
)


class Said:
    """A face on which a person says what a test tells it."""

    def __init__(self, *words: str | None) -> None:
        self._words: Iterator[str | None] = iter(words)
        self.asks = True
        self.asked: list[Question] = []
        self.lines: list[tuple[Style, str]] = []
        self.blocks: list[Block] = []
        self.edited: list[tuple[str, str]] = []

    async def ask(self, question: Question) -> str | None:
        self.asked.append(question)
        said = next(self._words)
        for each in question.choices:
            if said is not None and said.strip().lower() == each.key:
                return each.word
        return said

    async def edit(self, text: str, suffix: str) -> str | None:
        self.edited.append((text, suffix))
        return next(self._words)

    def say(self, text: str, style: Style = NOTE) -> None:
        self.lines.append((style, text))

    def put(self, block: Block) -> None:
        self.blocks.append(block)

    @property
    def text(self) -> str:
        return "\n".join(text for _, text in self.lines)


class _Standing:
    """What of a session's state `decides` asks for."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self.pending: dict[str, object] = {}
        self.started: dict[str, object] = {}

    def approves(self, tool: str, arguments: dict[str, Any]) -> bool:
        return any(rule.matches(tool, arguments) for rule in self.rules)


class _Session:
    """What of a session `decides` uses."""

    def __init__(self) -> None:
        self.decisions: dict[str, Decision] = {}
        self.state = _Standing()

    async def decide(self, call_id: str, decision: Decision) -> None:
        if decision == Edit({"path": 7}):
            raise ConfigError("path is a text")
        if isinstance(decision, Approve) and decision.scope != "call":
            scope = decision.scope
            tool = "rm" if call_id == "c1" else "mv"
            self.state.rules.append(Rule(tool) if scope == "session" else scope)
        self.decisions[call_id] = decision
        self.state.pending.pop(call_id, None)


class _Talk(Struct):
    face: Any
    session: Any
    config: Config = Config(workspace=Path("nowhere"), profile="workspace")
    tools: tuple[ToolLine, ...] = TOOLS
    mask: Mask = Mask(["hunter2"])


async def decided(
    *words: str | None, waiting: tuple[ApprovalRequested, ...] = (RM,)
) -> tuple[bool, dict[str, Decision], Said]:
    face, session = Said(*words), _Session()
    session.state.pending = {each.call_id: each for each in waiting}
    whole = await decides(_Talk(face, session), waiting)
    return whole, session.decisions, face


@pytest.mark.parametrize(
    ("words", "decision"),
    [
        (("y",), Approve()),
        ((" Y ",), Approve()),
        (("yes",), Approve()),
        (("a",), Approve("session")),
        (("n",), Deny()),
        (("r", "not that file"), Deny("not that file")),
        (("r", " ", "r", None, "y"), Approve()),
        (("not that file",), Deny("not that file")),
        (("yes but only once",), Deny("yes but only once")),
    ],
)
async def test_a_word_decides(words: tuple[str | None, ...], decision: Decision) -> None:
    whole, decisions, _ = await decided(*words)
    assert whole
    assert decisions == {"c1": decision}


async def test_a_slip_of_the_keys_decides_nothing() -> None:
    _, decisions, face = await decided("", "  ", "x", "yy", "n")
    assert decisions == {"c1": Deny()}
    assert len(face.asked) == 5
    assert [text for style, text in face.lines if style is WARNING] == [
        "'x' decides nothing; type a letter of the list",
        "'yy' decides nothing; type a letter of the list",
    ]


async def test_leaving_leaves_the_rest_undecided() -> None:
    whole, decisions, _ = await decided("y", None, waiting=(RM, MV))
    assert not whole
    assert decisions == {"c1": Approve()}


async def test_where_nobody_is_nobody_is_asked() -> None:
    face = Said()
    face.asks = False
    assert not await decides(_Talk(face, _Session()), [RM])
    assert face.asked == []
    assert "nobody is here to be asked" in face.text


async def test_where_it_would_run_is_told_apart_by_sign_and_word() -> None:
    more = "WIDER than this session's workspace: network allow-list; hosts a.example"
    get = ApprovalRequested("c3", "get", {"url": "http://a.example/x"}, "asks")
    _, _, face = await decided("y", "y", "y", waiting=(RM, get, MV))
    places = [(style, text) for style, text in face.lines if style is not NOTE]
    assert places == [
        (SANDBOXED, "rm would run sandboxed: workspace (1 of 3 that wait)"),
        (WIDER, f"get would run in sandbox net, {more} (1 of 2 that wait)"),
        (TRUSTED, "mv would run TRUSTED: in no sandbox, with all that you may do"),
    ]
    signs = {style.glyph for style, _ in places}, {style.plain for style, _ in places}
    assert [len(each) for each in signs] == [3, 3]
    assert len({style.sgr for style, _ in places}) == 3


async def test_another_reason_than_the_usual_one_is_said() -> None:
    again = ApprovalRequested("c1", "rm", {}, "its process died: it may have happened")
    _, _, face = await decided("n", waiting=(again,))
    assert "its process died: it may have happened" in face.text
    _, _, face = await decided("n")
    assert len(face.lines) == 1


async def test_a_tool_that_nobody_knows_is_no_sandboxed_one() -> None:
    other = ApprovalRequested("c9", "other", {}, "asks")
    _, _, face = await decided("n", waiting=(other,))
    assert face.lines[0][0] is TRUSTED
    assert face.blocks[0].text == "{}"


async def test_arguments_are_json_and_texts_of_many_lines_stand_below() -> None:
    code = ApprovalRequested("c1", "rm", {"deep": {"a": [1]}, "code": "a = 1\nb\n"}, "asks")
    _, _, face = await decided("y", waiting=(code,))
    assert [(each.title, each.text) for each in face.blocks] == [
        ("", '{"deep": {"a": [1]}}'),
        ("code:", "a = 1\nb\n"),
    ]


async def test_long_arguments_are_cut_until_all_is_asked_for() -> None:
    long = ApprovalRequested("c1", "rm", {"code": "\n".join(map(str, range(100)))}, "asks")
    _, _, face = await decided("w", "y", waiting=(long,))
    assert face.blocks[0].text.endswith("\n39")
    assert "... 60 more lines: w shows all" in face.text
    assert face.blocks[1].text.endswith("\n99")
    assert "whole" in {each.word for each in face.asked[0].choices}
    _, _, face = await decided("y")
    assert "whole" not in {each.word for each in face.asked[0].choices}
    wide = ApprovalRequested("c1", "rm", {"code": "x" * 9000}, "asks")
    _, _, face = await decided("y", waiting=(wide,))
    assert len(face.blocks[0].text) == 4000
    assert "... 1 more line: w" in face.text


async def test_what_a_call_of_an_editing_tool_changes_is_shown(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    arguments = {"path": "a.txt", "old_text": "two", "new_text": "three"}
    edit = ApprovalRequested("c1", "edit_file", arguments, "asks")
    for edits, kind in ((True, "diff"), (False, "text")):
        face = Said("y")
        tool = ToolLine("edit_file", "workspace", "Edit.", approve=True, edits=edits)
        config = Config(workspace=tmp_path, profile="workspace")
        assert await decides(_Talk(face, _Session(), config, (tool,)), [edit])
        assert face.blocks[0].kind == kind
    face = Said("y")
    tool = ToolLine("edit_file", "workspace", "Edit.", approve=True, edits=True)
    await decides(_Talk(face, _Session(), Config(workspace=tmp_path), (tool,)), [edit])
    assert "-two" in face.blocks[0].text
    assert "+three" in face.blocks[0].text
    assert face.blocks[0].title == "a.txt: changed"


async def test_a_pattern_is_offered_and_can_be_changed() -> None:
    _, decisions, face = await decided("p", '{"path": "notes/*.md"}')
    assert face.asked[1].default == '{"path": "notes/*"}'
    assert decisions == {"c1": Approve(Rule("rm", {"path": "notes/*.md"}))}


async def test_a_pattern_that_does_not_mean_the_call_is_refused_and_asked_again() -> None:
    words = ("p", "{", '{"file": "x"}', '{"path": "other/*"}', "{}")
    _, decisions, face = await decided(*words)
    assert decisions == {"c1": Approve(Rule("rm", {}))}
    warnings = [text for style, text in face.lines if style is WARNING]
    assert warnings[0].startswith("the pattern is no JSON object")
    assert warnings[1:] == [
        "the call has no argument 'file'; it has path",
        'the pattern does not mean this call: path is "notes/a.md" in it',
    ]
    assert face.asked[3].default == '{"file": "x"}', "what was typed is there to be mended"


async def test_leaving_the_pattern_asks_about_the_call_again() -> None:
    _, decisions, _ = await decided("p", None, "p", "", "n")
    assert decisions == {"c1": Deny()}


async def test_what_was_said_of_one_holds_for_the_others_that_wait() -> None:
    second = ApprovalRequested("c2", "rm", {"path": "notes/c.md"}, "asks")
    third = ApprovalRequested("c3", "rm", {"path": "other/c.md"}, "asks")
    words = ("p", '{"path": "notes/*"}', "n")
    whole, decisions, face = await decided(*words, waiting=(RM, second, third))
    assert whole
    assert decisions["c2"] == Approve()
    assert decisions["c3"] == Deny()
    assert "rm: approved by what you said before" in face.text


async def test_all_that_wait_can_be_denied_at_once() -> None:
    whole, decisions, face = await decided("d", waiting=(RM, MV))
    assert whole
    assert decisions == {"c1": Deny(), "c2": Deny()}
    assert len(face.asked) == 1
    _, _, alone = await decided("n")
    assert "deny all" not in {each.word for each in alone.asked[0].choices}


async def test_arguments_can_be_changed_until_they_fit() -> None:
    words = ("e", "{", '{"path": 7}', '{"path": "new"}')
    _, decisions, face = await decided(*words)
    assert decisions == {"c1": Edit({"path": "new"})}
    assert face.asked[1].default == '{"path": "notes/a.md"}'
    assert face.asked[2].default == "{"
    assert "the arguments are no JSON object" in face.text
    assert "path is a text" in face.text


async def test_arguments_that_are_left_decide_nothing() -> None:
    _, decisions, face = await decided("e", None, "e", "", "n")
    assert decisions == {"c1": Deny()}
    assert "the arguments are as they were" in face.text


async def test_a_program_is_changed_as_one_in_the_editor() -> None:
    code = ApprovalRequested("c1", "rm", {"code": "a\nb\n"}, "asks")
    _, decisions, face = await decided("e", "c\n", waiting=(code,))
    assert face.edited == [("a\nb\n", ".py")]
    assert decisions == {"c1": Edit({"code": "c\n"})}


async def test_long_arguments_are_changed_as_json_in_the_editor() -> None:
    long = ApprovalRequested("c1", "rm", {"a": "x" * 200, "b": 1}, "asks")
    _, decisions, face = await decided("e", '{"a": "", "b": 1}', waiting=(long,))
    assert face.edited[0][1] == ".json"
    assert face.edited[0][0].startswith('{\n  "a": "xxx')
    assert decisions == {"c1": Edit({"a": "", "b": 1})}


async def test_no_key_is_in_a_message() -> None:
    _, _, face = await decided("p", '{"hunter2": "x"}', None, "n")
    assert "hunter2" not in face.text


async def test_a_call_that_may_have_happened_is_asked_about_whatever_was_said_before() -> None:
    face, session = Said("n"), _Session()
    session.state.rules.append(Rule("rm"))
    session.state.pending = {RM.call_id: RM}
    session.state.started = {RM.call_id: RM}
    assert await decides(_Talk(face, session), (RM,))
    assert session.decisions == {RM.call_id: Deny()}
