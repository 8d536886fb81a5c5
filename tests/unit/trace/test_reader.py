"""Does any file load as far as it is whole, and is what is wrong named by its line?"""

from __future__ import annotations

import json
import re
import typing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rig.examples import examples
from tests.unit.trace.journals import ONE_CALL, OPENED, write, written
from tests.unit.trace.memory import peak_of
from toolrun.errors import TraceError
from toolrun.events import (
    AnyEvent,
    ApprovalRequested,
    Event,
    ReasoningDelta,
    RequestSent,
    TextDelta,
    ToolCallStarted,
    UserMessage,
)
from toolrun.journal import BATCH
from toolrun.resources import schema
from toolrun.trace.header import TraceHeader
from toolrun.trace.reader import TraceReader, read_trace
from toolrun.trace.rows import (
    KEPT,
    SHORTENED,
    AskedRow,
    ReasoningRow,
    RequestRow,
    StartedRow,
    TextRow,
    Told,
)
from toolrun.values import ToolCall, ToolResult, Usage

if TYPE_CHECKING:
    from collections.abc import Callable


def _whole() -> bytes:
    with TemporaryDirectory() as folder:
        more = [UserMessage("filler " * 40) for _ in range(8)]
        return written(Path(folder) / "t.jsonl", [*ONE_CALL, *more])


WHOLE = _whole()
LINES = WHOLE.splitlines(keepends=True)


def _holds(line: bytes) -> int:
    """How many events a line holds."""
    return len(msgspec.json.decode(line)["text"]) if b'"ms"' in line else 1


OWN_ROWS: dict[type, type] = {
    ReasoningDelta: ReasoningRow,
    TextDelta: TextRow,
    RequestSent: RequestRow,
    ToolCallStarted: StartedRow,
    ApprovalRequested: AskedRow,
}
assert tuple(OWN_ROWS) == SHORTENED
EVENTS = sum(map(_holds, LINES[1:]))


def test_a_file_cut_at_every_byte_of_its_end_loads_to_its_last_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    assert len(WHOLE) > 2048 + len(LINES[0])
    for end in range(len(WHOLE) - 2048, len(WHOLE) + 1):
        path.write_bytes(WHOLE[:end])
        trace = read_trace(path)
        lines = WHOLE.count(b"\n", 0, end)
        assert len(trace.events) == sum(map(_holds, LINES[1:lines]))
        assert trace.lines[-1] == lines
        assert trace.truncated == (WHOLE[end - 1 : end] != b"\n")


@pytest.mark.parametrize("end", [0, 1, 20, len(LINES[0]) - 1])
def test_a_file_without_a_whole_header_is_no_trace(end: int, tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="line 1: the file has no whole line") as caught:
        read_trace(_file(tmp_path, WHOLE[:end]))
    assert caught.value.line == 1


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"nowhere\.jsonl: cannot be read: No such file") as caught:
        read_trace(tmp_path / "nowhere.jsonl")
    assert caught.value.line == 0


def test_another_kind_of_file_is_no_trace(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="line 1: not a trace"):
        read_trace(_file(tmp_path, b'{"hello": "world"}\n'))


@pytest.mark.parametrize("check", [False, True])
def test_a_header_without_its_type_is_none(tmp_path: Path, *, check: bool) -> None:
    header = LINES[0].replace(b'"type"', b'"kind"')
    with pytest.raises(TraceError, match=r"line 1: not a trace.* required field `type`"):
        read_trace(_file(tmp_path, header), check=check)


def test_a_later_format_asks_for_an_update(tmp_path: Path) -> None:
    later = LINES[0].replace(b'"format":2', b'"format":3').replace(b'"session"', b'"sessions"')
    with pytest.raises(
        TraceError, match=r"format 3, .* reads up to 2: update it \(pip install --upgrade toolrun"
    ):
        read_trace(_file(tmp_path, later))


def test_there_is_no_format_before_the_first(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="line 1: there is no format 0"):
        read_trace(_file(tmp_path, LINES[0].replace(b'"format":2', b'"format":0')))


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (b"\n", "truncated"),
        (b"[1, 2]\n", "object"),
        (b'{"type": "Nonsense"}\n', "Nonsense"),
        (b'{"type": "UserMessage", "session": "s"}\n', "content"),
        (b'{"type": "UserMessage", "content": 5}\n', r"\$\.content"),
        (b'{"type": "TextDelta", "ms": [1], "text": ["\xff"]}\n', "UTF-8|utf-8"),
        (
            b'{"type": "SettingsChanged", "settings": {"a": ' + b"[" * 100_000 + b"\n",
            "nested too deep",
        ),
        (b'{"type": "TurnFinished", "status": "happy"}\n', "happy"),
    ],
)
def test_what_is_wrong_with_a_line_is_named(line: bytes, named: str, tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=named) as caught:
        read_trace(_file(tmp_path, b"".join([*LINES[:4], line, *LINES[4:]])))
    assert caught.value.line == 5
    assert ", line 5: " in str(caught.value)


def _noticed(index: int) -> int | None:
    """The line at which it is noticed that one is missing, counted without it; None: at none.

    A durable event does not number what it follows; pieces of a text say nothing of their place.
    """
    for at, line in enumerate(LINES[index + 1 :], index):
        if b'"ms"' not in line:
            observed = b'"sub"' in LINES[index] or b'"ms"' in LINES[index]
            return at + 1 if b'"sub"' in line or not observed else None
    return None


@pytest.mark.parametrize(
    "index", [each for each in range(2, len(LINES) - 1) if _noticed(each) is not None]
)
def test_a_line_that_is_missing_is_noticed(index: int, tmp_path: Path) -> None:
    with pytest.raises(TraceError) as caught:
        read_trace(_file(tmp_path, b"".join([*LINES[:index], *LINES[index + 1 :]])))
    assert caught.value.line == _noticed(index)


def test_an_event_of_another_session_is_refused(tmp_path: Path) -> None:
    other = LINES[5].replace(b'"seq"', b'"session":"t","seq"')
    with pytest.raises(TraceError, match="an event of session 't' in a trace of 's'") as caught:
        read_trace(_file(tmp_path, b"".join([*LINES[:5], other])))
    assert caught.value.line == 6


@pytest.mark.load
@settings(max_examples=500, deadline=None)
@given(st.data())
def test_a_spoiled_line_is_an_error_with_its_number_or_still_an_event(data: st.DataObject) -> None:
    index = data.draw(st.integers(1, len(LINES) - 1))
    line = bytearray(LINES[index].removesuffix(b"\n"))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(line) - 1))
        line[at] = data.draw(st.integers(0, 255).filter(lambda byte: byte != 0x0A))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "t.jsonl"
        path.write_bytes(b"".join([*LINES[:index], bytes(line) + b"\n", *LINES[index + 1 :]]))
        count, line_of_error = _read(path, check=data.draw(st.booleans()))
    if line_of_error is None:
        # A piece of a text may have become two, or two one.
        assert count == EVENTS or b'"ms"' in LINES[index]
    else:
        # A place that changed is seen at the next line that has one, behind pieces of a text.
        assert index + 1 <= line_of_error <= index + 4


@settings(max_examples=examples(300), deadline=None)
@given(st.binary(max_size=300).filter(lambda line: b"\n" not in line))
def test_any_bytes_as_a_line_are_an_error_with_its_number(line: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "t.jsonl"
        path.write_bytes(b"".join([*LINES[:3], line + b"\n"]))
        with pytest.raises(TraceError) as caught:
            read_trace(path)
    assert caught.value.line == 4


@pytest.mark.parametrize(
    ("before", "after", "path"),
    [
        (b'"first_token"', b'"more":1,"first_token"', r"\$: .*'more' was unexpected"),
        (b'"ms":[', b'"more":1,"ms":[', "'more' was unexpected"),
        (b'"ms":[', b'"turn":1,"ms":[', "'sub' is a dependency of 'turn'"),
        (b'"date":"2026-01-02"', b'"date":"yesterday"', r"\$\.date"),
        (b'"seconds":0.5', b'"seconds":-1', r"\$\.result\.seconds"),
    ],
)
def test_the_schema_is_stricter_than_the_types(
    before: bytes, after: bytes, path: str, tmp_path: Path
) -> None:
    file = _file(tmp_path, WHOLE.replace(before, after))
    assert read_trace(file).events
    with pytest.raises(TraceError, match=path):
        read_trace(file, check=True)


def test_the_schema_knows_every_event_and_every_field(
    every_event: Callable[[], list[type]],
) -> None:
    whole = schema("trace")
    defs = whole["$defs"]
    place = set(defs["place"]["properties"])
    choices = [choice["$ref"].removeprefix("#/$defs/") for choice in whole["oneOf"]]
    assert choices == [kind.__name__ for kind in (TraceHeader, *every_event())]
    place.remove("blobs")  # put back before anybody sees the line
    assert place == {each.name for each in msgspec.structs.fields(Event)} - {"session"}
    for kind in (TraceHeader, *every_event(), ToolCall, ToolResult, Usage):
        fields = msgspec.structs.fields(OWN_ROWS.get(kind, kind))
        inherited = place | {"session"} if kind in every_event() else set()
        properties = set(defs[kind.__name__]["properties"]) - {"type"}
        assert properties == {each.name for each in fields} - inherited
        required = set(defs[kind.__name__].get("required", ())) - {"type"}
        assert required == {each.name for each in fields if each.required}


def test_a_row_of_its_own_has_the_fields_of_its_event() -> None:
    for event, row in OWN_ROWS.items():
        names = {each.name for each in msgspec.structs.fields(row)} - {"ms"}
        assert names == {each.name for each in msgspec.structs.fields(event)} - {"session"}


def test_the_schema_itself_takes_each_line_by_itself() -> None:
    import jsonschema

    validator = jsonschema.Draft202012Validator(schema("trace"))
    for line in LINES:
        assert not list(validator.iter_errors(msgspec.json.decode(line)))
    assert list(validator.iter_errors({"type": "Nonsense"}))


async def test_a_big_file_is_read_in_flat_memory(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    await write(path, [OPENED, *(TextDelta("word " * 20) for _ in range(20_000))], tick=0)
    assert path.stat().st_size > 2_000_000
    with TraceReader(path) as reader:
        assert sum(1 for _ in reader) == 20_001
        assert reader.line == 1 + 1 + 20_000 / BATCH
    assert peak_of(partial(_passed, path)) < 500_000


def _passed(path: Path) -> None:
    with TraceReader(path) as reader:
        for _ in reader:
            pass


def test_every_event_has_a_place_in_the_union() -> None:
    tags = [kind.__name__ for kind in typing.get_args(AnyEvent)]
    assert len(tags) == len(set(tags))
    assert all(re.fullmatch("[A-Z][A-Za-z]+", tag) for tag in tags)


def _read(path: Path, *, check: bool) -> tuple[int, int | None]:
    """How many events a file has, and which line is wrong."""
    try:
        return len(read_trace(path, check=check).events), None
    except TraceError as error:
        return 0, error.line


def _file(folder: Path, data: bytes) -> Path:
    path = folder / "t.jsonl"
    path.write_bytes(data)
    return path


# ---- columns ----


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (b'"text":[', b'"text":["more",', "ReasoningDelta has 2 times and 3 texts"),
        (b'"ms":[', b'"ms":[1,', "ReasoningDelta has 3 times and 2 texts"),
        (b'"ms":[', b'"ms":[1.5,', "Expected `int`"),
        (b'"ms":[1000', b'"ms":[' + b"9" * 400, "too large|out of range"),
    ],
)
def test_columns_that_do_not_fit_are_an_error(
    before: bytes, after: bytes, said: str, tmp_path: Path
) -> None:
    line = next(index for index, line in enumerate(LINES) if b'"ReasoningDelta"' in line)
    spoilt = [*LINES[:line], LINES[line].replace(before, after), *LINES[line + 1 :]]
    with pytest.raises(TraceError, match=said) as caught:
        read_trace(_file(tmp_path, b"".join(spoilt)))
    assert caught.value.line == line + 1


# ---- what a line leaves out ----


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            b'{"type":"ToolCallStarted","call_id":"c9","name":"f","seq":2}\n',
            "no arguments, and no line before says those of the call 'c9'",
        ),
        (
            b'{"type":"RequestSent","digest":"","size":1,"adds":[7],"seq":1,"sub":1}\n',
            "what the event of seq 7 says, and no line since the request before has that event",
        ),
    ],
)
def test_what_no_line_before_says_is_an_error(line: bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=said) as caught:
        read_trace(_file(tmp_path, b"".join([*LINES[:2], line])))
    assert caught.value.line == 3


def test_pieces_after_nothing_need_a_place(tmp_path: Path) -> None:
    line = b'{"type":"TextDelta","ms":[1],"text":["a"]}\n'
    with pytest.raises(TraceError, match="TextDelta has no place, and no line before has one"):
        read_trace(_file(tmp_path, LINES[0] + line))


def test_messages_that_no_request_holds_do_not_pile_up() -> None:
    told = Told()
    for seq in range(1, 3 * KEPT):
        told.take(UserMessage("hello", seq=seq))
    assert len(told.saying) == KEPT
    assert max(told.saying) == 3 * KEPT - 1


HEAD = '{"type":"TraceHeader","format":2,"toolrun":"1","session":"s","created":1.0}\n'


def test_a_request_of_few_bytes_does_not_say_gigabytes(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    said = {"type": "UserMessage", "seq": 1, "time": 1.0, "turn": 1, "content": "x" * 100_000}

    def repeat(times: int) -> None:
        request = {"type": "RequestSent", "seq": 1, "sub": 1, "time": 1.0, "turn": 1, "step": 1}
        request |= {"digest": "", "size": 1, "adds": [1] * times}
        path.write_text(f"{HEAD}{json.dumps(said)}\n{json.dumps(request)}\n")

    repeat(100)
    request = read_trace(path).events[1]
    assert isinstance(request, RequestSent)
    assert len(request.adds) == 100
    repeat(20_000)
    with pytest.raises(TraceError, match="line 3: RequestSent adds the same messages again"):
        read_trace(path)


@pytest.mark.parametrize("far", ["9" * 400, "1" + "0" * 16])
def test_times_that_are_none_are_an_error_with_their_line(far: str, tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    row = '{"type":"TextDelta","seq":1,"sub":1,"time":1.0,"ms":[%s,-%s],"text":["a","b"]}\n'
    path.write_text(HEAD + row % (far, far))

    with pytest.raises(TraceError, match="line 2: TextDelta has a time that is too large"):
        read_trace(path)
