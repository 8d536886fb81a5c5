"""Do the scripts that prepare boxes ask the kernel for the right things, and bear its refusals?

They run as processes of their own, where nothing measures them; here their functions are called,
before a kernel that notes what it is asked for. `tests/security` has the real one.
"""

from __future__ import annotations

import ctypes
import io
import json
import os
import shutil
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from toolrun.sandbox.bubblewrap import stage
from toolrun.sandbox.container import relay
from toolrun.sandbox.layer import mounts
from toolrun.sandbox.sandlock import guard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Kernel:
    """What a script asks of libc; what is in `refused` fails with EPERM."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.refused: set[str] = set()
        self.trees: list[int] = []

    def _answer(self, name: str, *arguments: Any) -> int:
        self.asked.append((name, *arguments))
        if name not in self.refused:
            return 0
        ctypes.set_errno(1)
        return -1

    def unshare(self, flags: int) -> int:
        return self._answer("unshare", flags)

    def mount(self, *arguments: Any) -> int:
        kind = arguments[2]
        name = f"mount {kind.decode()}" if kind else "mount"
        return self._answer(name, *arguments)

    def umount2(self, place: bytes, flags: int) -> int:
        for each in Path(place.decode()).iterdir():  # what was mounted is seen no more
            shutil.rmtree(each)
        return self._answer("umount2", place, flags)

    def syscall(self, number: int, *arguments: Any) -> int:
        failed = self._answer(f"syscall {number}", *arguments)
        if failed or number != stage.SYS_OPEN_TREE:
            return failed
        self.trees.append(os.open(arguments[1], os.O_PATH))
        return self.trees[-1]

    def named(self, name: str) -> list[tuple[Any, ...]]:
        return [each[1:] for each in self.asked if each[0] == name]


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    made = Kernel()
    monkeypatch.setattr(stage, "_libc", made)
    monkeypatch.setattr(mounts, "_libc", made)
    return made


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The descriptors that are closed, in order: their numbers are given again at once."""
    found: list[int] = []
    close = os.close

    def note(descriptor: int) -> None:
        found.append(descriptor)
        close(descriptor)

    monkeypatch.setattr("os.close", note)
    return found


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Run a script on lines of standard input; gives what it answered, a value a line."""

    def run(main: Callable[[], None], *requests: object) -> Any:
        lines = "".join(json.dumps(each) + "\n" for each in requests)
        monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
        before = os.umask(0o022)
        try:
            main()
        finally:
            os.umask(before)
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return run


@pytest.fixture
def private(tmp_path: Path) -> Iterator[Path]:
    """A folder of mode 0700, and a folder in it."""
    folder = tmp_path / "private"
    (folder / "tools").mkdir(parents=True)
    folder.chmod(0o700)
    yield folder
    folder.chmod(0o700)


def test_without_the_right_to_mount_what_is_readable_is_told(
    kernel: Kernel, said: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel.refused = {"unshare"}
    monkeypatch.setattr(stage, "_unreadable", lambda folders, uid: [[folders[0], f"not for {uid}"]])

    answers = said(stage.main, {"folders": ["/a"], "uid": 7})

    assert answers == [{"staged": False, "unreadable": [["/a", "not for 7"]]}]
    assert kernel.asked == [("unshare", stage.CLONE_NEWNS)]


def test_a_namespace_of_its_own_gives_the_host_nothing(
    kernel: Kernel, said: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "_unreadable", lambda *_: [])
    mounted: list[Any] = []
    monkeypatch.setattr(stage, "_mount", lambda *asked: mounted.append(asked))

    assert said(stage.main, {"folders": ["/a"], "uid": 7}) == [{"staged": True, "unreadable": []}]
    assert kernel.named("mount") == [(None, b"/", None, stage.MS_REC | stage.MS_SLAVE, None)]
    assert mounted == [(["/a"], 7)]


def test_folders_come_back_where_they_were_below_what_is_covered(
    kernel: Kernel, private: Path, closed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, file = private / "tools", private / "file"
    file.write_bytes(b"")
    missing = str(folder / "covered")
    (folder / "covered").mkdir()
    monkeypatch.setattr(
        stage, "_blocked", lambda path: str(private) if path.startswith(f"{folder}") else None
    )
    taken = stage._tree

    def tree(path: str, uid: int) -> int:
        found = taken(path, uid)
        if path == missing:  # the cover hides what was there
            (folder / "covered").rmdir()
        return found

    monkeypatch.setattr(stage, "_tree", tree)

    stage._mount([missing, str(folder), str(file)], os.getuid())

    assert kernel.named("mount tmpfs") == [
        (b"none", str(private).encode(), b"tmpfs", 6, b"mode=755,size=1m")
    ]
    moved = [each[3] for each in kernel.named(f"syscall {stage.SYS_MOVE_MOUNT}")]
    assert moved == [str(path).encode() for path in (file, folder, missing)]
    assert (folder / "covered").is_dir()
    assert closed == kernel.trees


def test_a_file_that_blocks_is_not_covered(
    kernel: Kernel, private: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (private / "file").touch()
    monkeypatch.setattr(stage, "_blocked", lambda _: str(private / "file"))

    stage._mount([str(private / "tools")], os.getuid())

    assert kernel.named("mount tmpfs") == []


def test_the_owner_of_files_is_mapped_and_a_refusal_borne(
    kernel: Kernel, private: Path, closed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel.refused = {f"syscall {stage.SYS_MOUNT_SETATTR}"}
    asked: list[tuple[int, ...]] = []
    namespaces: list[int] = []

    def namespace(*ids: int) -> int:
        asked.append(ids)
        namespaces.append(os.open("/dev/null", os.O_RDONLY))
        return namespaces[-1]

    monkeypatch.setattr(stage, "_user_namespace", namespace)

    tree = stage._tree(str(private), os.getuid() + 1)
    assert closed == namespaces
    os.close(tree)

    assert asked == [(os.getuid(), os.stat(private).st_gid, os.getuid() + 1)]  # noqa: PTH116


def test_where_no_user_namespace_is_to_be_had_the_reason_is_told(kernel: Kernel) -> None:
    kernel.refused = {"unshare"}

    with pytest.raises(OSError, match=r"user\.max_user_namespaces"):
        stage._user_namespace(7, 8, 9)


def test_a_user_namespace_that_is_refused_once_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers: list[Any] = [stage._Refused("no space left"), 77]

    def mapped(*_: int) -> int:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return int(answer)

    monkeypatch.setattr(stage, "_mapped", mapped)

    assert stage._user_namespace(7, 8, 9) == 77
    assert answers == []


def test_a_folder_that_is_not_there_is_no_tree(kernel: Kernel) -> None:
    kernel.refused = {f"syscall {stage.SYS_OPEN_TREE}"}

    with pytest.raises(PermissionError, match="Operation not permitted"):
        stage._tree("/nowhere", 7)


def test_the_topmost_folder_that_others_cannot_pass(private: Path) -> None:
    closed = next(
        (str(path) for path in reversed(private.parents) if not path.stat().st_mode & 0o001),
        str(private),
    )

    assert stage._blocked(str(private / "tools" / "deep")) == closed
    assert stage._blocked("/usr/bin/env") is None


def test_mount_points_are_folders_or_files(tmp_path: Path) -> None:
    stage._mount_point(str(tmp_path / "a" / "folder"), is_folder=True)
    stage._mount_point(str(tmp_path / "b" / "file"), is_folder=False)
    stage._mount_point(str(tmp_path / "b" / "beside"), is_folder=False)

    assert (tmp_path / "a" / "folder").is_dir()
    assert (tmp_path / "b" / "file").read_bytes() == b""
    assert (tmp_path / "b" / "beside").exists()


def test_what_cannot_be_read_is_told_with_what_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    missing, closed = str(tmp_path / "no"), str(tmp_path / "closed")
    below = f"{closed}/deep"
    monkeypatch.setattr("os.access", lambda path, _: path != closed)

    tried = stage._try_each([str(tmp_path), str(tmp_path / "file"), missing, below])

    assert tried == [[missing, "No such file or directory"], [closed, "No such file or directory"]]


def opening(folder: Path, *, copy: str = "") -> dict[str, Any]:
    return {
        "open": "1",
        "folder": str(folder),
        "size": 9,
        "inodes": 5,
        "uid": os.getuid(),
        "copy": copy,
    }


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the layers are mounted, and attributes that any file system takes."""
    found = tmp_path / "place"
    found.mkdir()
    monkeypatch.setattr(mounts, "PLACES", (str(tmp_path / "no"), str(found)))
    monkeypatch.setattr("os.getuid", lambda: 0)
    monkeypatch.setattr("os.setxattr", lambda *_: None)
    monkeypatch.setattr("os.removexattr", lambda *_: None)
    return found


def test_layers_are_opened_and_dropped(
    kernel: Kernel, said: Callable[..., Any], place: Path, tmp_path: Path
) -> None:
    answers = said(
        mounts.main, opening(tmp_path), {"drop": "1"}, opening(tmp_path, copy="it is another's")
    )

    assert answers == [
        {"place": str(place), "user": False},
        {"kind": "overlay", "why": ""},
        {"kind": "copy", "why": "it is another's"},
    ]
    kind, at, options = (kernel.named("mount overlay")[0][index] for index in (2, 1, 4))
    assert (kind, at) == (b"overlay", f"{place}/1/merged".encode())
    assert options.startswith(b"lowerdir=/proc/self/fd/")
    assert len(kernel.named("mount overlay")) == 1
    assert [each[0] for each in kernel.named("umount2")] == [
        f"{place}/1{name}".encode() for name in ("/merged", "/sized", "")
    ]
    upper, merged = f"{place}/1/sized/upper".encode(), f"{place}/1/merged".encode()
    assert (upper, merged, None, mounts.MS_BIND, None) in kernel.named("mount")


def test_where_no_overlay_can_be_mounted_a_copy_is_made(
    kernel: Kernel, said: Callable[..., Any], place: Path, tmp_path: Path
) -> None:
    kernel.refused = {"mount overlay"}

    answers = said(mounts.main, opening(tmp_path))

    why = "no overlay can be mounted (Operation not permitted)"
    assert answers[1] == {"kind": "copy", "why": why}


def test_a_layer_that_cannot_be_opened_is_told_of_and_a_drop_is_not(
    kernel: Kernel,
    said: Callable[..., Any],
    place: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(path: str) -> None:
        raise OSError(16, "Device or resource busy", path)

    monkeypatch.setattr("os.rmdir", full)
    (place / "1").mkdir()
    (place / "1" / "sized").mkdir()

    answers = said(mounts.main, {"drop": "1"}, opening(tmp_path))

    assert answers[1:] == [{"error": f"{place}/1/sized: File exists"}]


def test_without_a_namespace_there_are_no_layers(
    kernel: Kernel, said: Callable[..., Any], place: Path
) -> None:
    kernel.refused = {"unshare"}

    assert said(mounts.main) == [{"error": "Operation not permitted: unshare"}]
    assert kernel.named("unshare") == [
        (mounts.CLONE_NEWNS,),
        (mounts.CLONE_NEWUSER | mounts.CLONE_NEWNS,),
    ]


def test_a_user_is_mapped_to_himself(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch, place: Path
) -> None:
    written: dict[str, str] = {}

    class File(io.StringIO):
        def __init__(self, path: str) -> None:
            super().__init__()
            self.path = path

        def close(self) -> None:
            written.setdefault(self.path, self.getvalue())
            super().close()

    monkeypatch.setattr("os.getuid", lambda: 7)
    monkeypatch.setattr("os.getgid", lambda: 8)
    monkeypatch.setattr(mounts, "open", lambda path, _: File(path), raising=False)

    assert mounts._own_namespace() == (str(place), True)
    assert written == {
        "/proc/self/setgroups": "deny",
        "/proc/self/uid_map": "7 7 1",
        "/proc/self/gid_map": "8 8 1",
    }


def waits(monkeypatch: pytest.MonkeyPatch, *ended: tuple[int, int]) -> None:
    """Have children end so, and then be none."""
    left = iter(ended)

    def waitpid(*_: int) -> tuple[int, int]:
        try:
            return next(left)
        except StopIteration:
            raise ChildProcessError from None

    monkeypatch.setattr("os.waitpid", waitpid)


@pytest.mark.parametrize(("ended", "status"), [((9, 3 << 8), 3), ((9, 15), 143)])
def test_a_guard_ends_as_the_supervisor_did(
    monkeypatch: pytest.MonkeyPatch, ended: tuple[int, int], status: int
) -> None:
    waits(monkeypatch, (4, 0), ended)

    assert guard._wait(9, -1) == status


@pytest.fixture
def wakeup() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for each in ends:
        os.close(each)


def test_a_guard_is_told_to_end(monkeypatch: pytest.MonkeyPatch, wakeup: tuple[int, int]) -> None:
    read, write = wakeup
    waits(monkeypatch, (4, 0))
    seen = iter((b"\x11", b"\x0f"))  # SIGCHLD, SIGTERM
    monkeypatch.setattr("os.read", lambda *_: next(seen))
    os.write(write, b"..")

    assert guard._wait(9, read) == 137
    assert next(seen, None) is None


def test_a_guard_kills_until_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    waits(monkeypatch, (9, 0), (0, 0), (4, 0), (5, 0))
    killed: list[int] = []

    def kill(pid: int, _: int) -> None:
        killed.append(pid)
        raise ProcessLookupError

    monkeypatch.setattr("os.kill", kill)
    monkeypatch.setattr(guard, "_below", lambda *_: [4, 5])
    monkeypatch.setattr("select.select", lambda *_: ([], [], []))

    guard._end_all(9)

    assert killed == [9, 4, 5, 4, 5]


def test_all_that_is_below_a_process_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tree = {1: {"1": "2 3 ", "8": "4 "}, 3: {"3": "5 "}, 2: {"2": ""}, 5: {"5": "6 "}}
    for pid, threads in tree.items():
        for thread, children in threads.items():
            (place := tmp_path / str(pid) / "task" / thread).mkdir(parents=True)
            (place / "children").write_text(children)
    listed, opened = os.listdir, open

    def there(path: str) -> str:
        return path.replace("/proc", str(tmp_path))

    monkeypatch.setattr("os.listdir", lambda path: listed(there(path)))
    monkeypatch.setattr(guard, "open", lambda path: opened(there(path)), raising=False)

    assert sorted(guard._below(1, 9)) == [2, 3, 4, 5, 6]
    assert sorted(guard._below(1, 1)) == [2, 3, 4, 5]
    assert guard._below(7, 9) == []


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with here, there:
        yield here, there


@pytest.mark.parametrize("form", [b'{"child-pid": %d}', b""], ids=["own", "a daemon's"])
def test_a_relay_hands_all_descriptors_over_and_keeps_none(
    monkeypatch: pytest.MonkeyPatch,
    pair: tuple[socket.socket, socket.socket],
    closed: list[int],
    form: bytes,
) -> None:
    here, there = pair
    told = form % os.getpid() if form else b""
    info, info_end = os.pipe()
    given = os.open("/dev/null", os.O_RDONLY)
    moved: list[tuple[int, int]] = []
    monkeypatch.setattr("os.dup2", lambda *numbers: moved.append(numbers))
    monkeypatch.setattr(relay, "_may_signal", lambda pid: pid == os.getpid() and told != b"")
    request = {
        "info": info_end,
        "descriptors": [given],
        "command": ["tool"],
        "env": {},
        "filters": [],
        "remove": ["secret"],
    }

    relay._hand_over(here, request)

    assert closed == [info_end, given]
    assert [number for _, number in moved] == [0, 1, 2]
    message, descriptors, _, _ = socket.recv_fds(there, 4096, 8)
    assert json.loads(message) == {"command": ["tool"], "env": {}, "filters": []}
    assert len(descriptors) == 4
    assert os.read(info, 64) == told
    for each in (info, moved[0][0], *descriptors):
        os.close(each)


def test_whose_processes_a_relay_may_end(monkeypatch: pytest.MonkeyPatch) -> None:
    assert relay._may_signal(os.getpid())

    def refuse(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr("os.kill", refuse)
    assert not relay._may_signal(os.getpid())
