"""What does a job in a box do and say, step by step? Without a box, in a process of its own."""

from __future__ import annotations

import json
import marshal
import os
import resource
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import Struct

from toolrun.sandbox.code import _code

if TYPE_CHECKING:
    from pathlib import Path

START = """
import io, marshal, sys
with io.open(int(sys.argv[1]), "rb") as file:
    boot, job, before = marshal.loads(file.read())
exec(before)
names = {"__name__": "toolrun.sandbox.inside.job"}
exec(marshal.loads(boot["job_code"]), names)
names["run"](boot, job, int(sys.argv[2]))
"""


class Done(Struct):
    """What a job has said."""

    frames: list[tuple[bytes, bytes]]
    stdout: bytes
    stderr: bytes
    status: int


def started(job: dict[str, Any], *, before: str = "", **boot: Any) -> Done:
    """Run a job in a new process."""
    given: dict[str, Any] = {"limits": {}, "first": (), "path": (), "by_name": False, **boot}
    read, write = os.pipe()
    content = os.memfd_create("job")
    try:
        os.write(content, marshal.dumps(({**_code(), **given}, {"env": {}, **job}, before)))
        os.lseek(content, 0, os.SEEK_SET)
        with os.fdopen(read, "rb") as result:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-B", "-c", START, *map(str, (content, write))],
                pass_fds=(content, write),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            os.close(write)
            stdout, stderr = process.communicate(timeout=60)
            return Done(frames_of(result.read()), stdout, stderr, process.returncode)
    finally:
        os.close(content)


def frames_of(said: bytes) -> list[tuple[bytes, bytes]]:
    found = []
    while said:
        size = int.from_bytes(said[1:5], "big")
        found.append((said[:1], said[5 : 5 + size]))
        said = said[5 + size :]
    return found


def called(folder: Path, text: str, arguments: Any = None, **more: Any) -> Done:
    """Call `f` of a module."""
    file = folder / "its_tool.py"
    file.write_text(text)
    boot = {"module": "its_tool", "file": str(file), "by_name": False, **more.pop("boot", {})}
    job = {"qualname": "f", "arguments": arguments or {}, "objects": {}, **more}
    return started(job, **boot)


BEGUN, OVER = (b"S", b""), (b".", b"")


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("def f(): return 'ä\\ud800'", [(b"T", "ä?".encode())]),
        ("def f(): return {'a': [1, None]}", [(b"J", b'{"a":[1,null]}')]),
        ("async def f(): return 7", [(b"J", b"7")]),
        ("async def g(): return 7\ndef f(): return g()", [(b"J", b"7")]),
        (
            "async def f():\n    yield 'a'\n    yield 2",
            [(b"P", b"a"), (b"P", b"2"), (b"J", b"2")],
        ),
        ("def f():\n    yield 'a'\n    yield 2", [(b"P", b"a"), (b"P", b"2"), (b"J", b"2")]),
        ("def f():\n    yield 1\n    return 'end'", [(b"P", b"1"), (b"T", b"end")]),
        ("async def f():\n    if False: yield", [(b"J", b"null")]),
        ("def f():\n    if False: yield", [(b"J", b"null")]),
        ("class f:\n    def __new__(self): return 3", [(b"J", b"3")]),
    ],
)
def test_what_a_function_returns_and_yields_is_said_in_order(
    tmp_path: Path, text: str, frames: list[tuple[bytes, bytes]]
) -> None:
    done = called(tmp_path, text)

    assert done.frames == [BEGUN, *frames, OVER]
    assert (done.status, done.stdout, done.stderr) == (0, b"", b"")


def test_arguments_are_built_and_objects_made(tmp_path: Path) -> None:
    text = (
        "import datetime, os\n"
        "def f(day: datetime.date, *, whose):\n"
        "    return [day.year, str(whose), os.environ['WORD']]\n"
    )
    objects = {"whose": ("fractions", "Fraction", {"numerator": 1, "denominator": 2})}
    done = called(tmp_path, text, {"day": "2026-01-02"}, objects=objects, env={"WORD": "w"})

    assert done.frames[1] == (b"J", b'[2026,"1/2","w"]')


def test_what_is_printed_comes_out_before_the_end(tmp_path: Path) -> None:
    done = called(
        tmp_path, "import sys\ndef f():\n    print('out', end='')\n    sys.stderr.write('e')"
    )
    assert (done.stdout, done.stderr) == (b"out", b"e")

    closed = called(tmp_path, "import sys\ndef f():\n    print('lost')\n    sys.stdout.close()\n")
    assert closed.frames == [BEGUN, (b"J", b"null"), OVER]


def test_a_module_is_found_by_its_file_or_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("")
    (tmp_path / "pack" / "inner.py").write_text("def f(): return __name__\n")
    first = {"first": (str(tmp_path),)}
    for boot, name in [
        ({}, "its_tool"),
        ({"module": "__main__"}, "__mp_main__"),
        ({"module": "pack.inner", "by_name": True, **first}, "pack.inner"),
        ({"by_name": True}, "its_tool"),
    ]:
        done = called(tmp_path, "def f(): return __name__", boot=boot)
        assert done.frames[1] == (b"T", name.encode())


def test_folders_of_the_tools_own_come_first_and_packages_last(tmp_path: Path) -> None:
    for folder in ("first", "last"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "colorsys.py").write_text(f"WHERE = {folder!r}\n")
        (tmp_path / folder / f"only_{folder}.py").write_text(f"WHERE = {folder!r}\n")
    first, last = str(tmp_path / "first"), str(tmp_path / "last")
    text = (
        "import json, sys, colorsys, only_last\n"
        "def f(): return [colorsys.WHERE, only_last.WHERE, sys.path[0], sys.path[-1]]\n"
    )
    done = called(tmp_path, text, boot={"first": (first,), "path": (last,)})
    script = started({"code": f"{text}print(json.dumps(f()))"}, first=(first,), path=(last,))

    expected = ["first", "last", first, last]
    assert [json.loads(each) for each in (done.frames[1][1], script.stdout)] == [expected] * 2


@pytest.mark.parametrize(
    ("text", "error", "trace"),
    [
        ("def f(): raise ValueError('no good')", "ValueError: no good", "line 1, in f"),
        ("def f(): raise ValueError", "ValueError", "line 1, in f"),
        ("def f(): raise SystemExit(3)", "SystemExit: 3", "line 1, in f"),
        ("raise KeyError('at import')", "KeyError: 'at import'", "line 1, in <module>"),
        (
            "class E(Exception):\n    def __str__(self): return 3\ndef f(): raise E",
            "E: (its message cannot be shown)",
            "line 3, in f",
        ),
        ("def f(): raise ValueError('x' * 5000)", "ValueError: " + "x" * 4084, "line 1, in f"),
    ],
)
def test_what_is_raised_is_said_with_the_tools_own_lines(
    tmp_path: Path, text: str, error: str, trace: str
) -> None:
    done = called(tmp_path, text)
    begun, (kind, said), (lines, traced), over = done.frames

    assert (begun, kind, lines, over) == (BEGUN, b"E", b"L", OVER)
    assert said.decode() == error
    text = traced.decode()
    top = f'Traceback (most recent call last):\n  File "{tmp_path}/its_tool.py", {trace}\n'
    assert text.startswith(top) or "at import" in error
    assert f'File "{tmp_path}/its_tool.py", {trace}\n' in text
    assert "toolrun" not in text


def test_of_a_long_traceback_the_end_is_said(tmp_path: Path) -> None:
    done = called(tmp_path, "def f(): raise ValueError('x' * 20_000 + 'end')")

    assert len(done.frames[2][1]) == 16_384
    assert done.frames[2][1].endswith(b"xend\n")


def test_a_traceback_that_cannot_be_made_is_none(tmp_path: Path) -> None:
    text = "import sys\ndef f():\n    sys.modules['traceback'] = None\n    raise ValueError('why')"

    assert called(tmp_path, text).frames == [BEGUN, (b"E", b"ValueError: why"), (b"L", b""), OVER]


TRACEBACK = """\
Traceback (most recent call last):
  File "<code>", line 1, in <module>
ZeroDivisionError: division by zero
"""


@pytest.mark.parametrize(
    ("code", "status", "stdout", "stderr"),
    [
        ("print(__name__, len('ab'))", 0, "__main__ 2\n", ""),
        ("import sys; print(sys.argv, 'boot' in globals())", 0, "['<code>'] False\n", ""),
        ("raise SystemExit", 0, "", ""),
        ("raise SystemExit(3)", 3, "", ""),
        ("raise SystemExit(257)", 1, "", ""),
        ("raise SystemExit('why')", 1, "", "why\n"),
        ("raise SystemExit([])", 1, "", ""),
        (
            "1/0",
            1,
            "",
            TRACEBACK,
        ),
        ("import sys; print('x'); sys.stdout.close()", 1, "x\n", ""),
    ],
)
def test_code_ends_as_a_script_does(code: str, status: int, stdout: str, stderr: str) -> None:
    done = started({"code": code})

    assert (done.status, done.stdout.decode(), done.stderr.decode()) == (status, stdout, stderr)
    assert done.frames == [BEGUN]


def test_code_has_no_way_to_write_a_result() -> None:
    code = (
        "import os\n"
        "for each in range(3, 60):\n"
        "    try: os.write(each, b'!')\n"
        "    except OSError: pass\n"
    )

    assert started({"code": code}).frames == [BEGUN]


@pytest.mark.parametrize(
    ("argv", "status", "stdout", "stderr"),
    [
        (["sh", "-c", "echo $WORD; exit 4"], 4, "w\n", ""),
        (["no-such-program"], 127, "", "no-such-program: No such file or directory\n"),
        (["/"], 126, "", "/: Permission denied\n"),
    ],
)
def test_a_program_takes_the_process_over(
    argv: list[str], status: int, stdout: str, stderr: str
) -> None:
    done = started({"argv": argv, "env": {"WORD": "w"}})

    assert (done.status, done.stdout.decode(), done.stderr.decode()) == (status, stdout, stderr)
    assert done.frames == [BEGUN]


@pytest.mark.parametrize(
    ("name", "hard", "value", "expected"),
    [
        ("RLIMIT_NOFILE", 100, 50, (50, 50)),
        ("RLIMIT_NOFILE", 40, 50, (40, 40)),
        ("RLIMIT_FSIZE", None, 50, (50, 50)),
        ("RLIMIT_CPU", None, 7, (7, 8)),
        ("RLIMIT_CPU", 9, 7, (7, 8)),
        ("RLIMIT_CPU", 7, 7, (7, 7)),
        ("RLIMIT_CPU", 5, 7, (5, 5)),
    ],
)
def test_limits_are_set_and_none_is_raised(
    name: str, hard: int | None, value: int, expected: tuple[int, int]
) -> None:
    before = (
        ""
        if hard is None
        else f"import resource; resource.setrlimit(resource.{name}, ({hard},) * 2)"
    )
    if hard is None and resource.getrlimit(getattr(resource, name))[1] != resource.RLIM_INFINITY:
        pytest.skip("this machine has a limit of its own")
    code = f"import resource; print(resource.getrlimit(resource.{name}))"

    assert (
        started({"code": code}, before=before, limits={name: value}).stdout
        == f"{expected}\n".encode()
    )
