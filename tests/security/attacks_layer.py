"""What hostile code tries with a workspace that it may write. Standard library only.

Each attack prints the marker before it begins, and returns what it saw; see `attacks.py`. The
working directory is the workspace. `python attacks_layer.py NAME JSON` runs one outside.
"""

# Attacks use what system calls take; the box pays for every import.
# ruff: noqa: PTH101, PTH102, PTH104, PTH108, PTH116, PTH120, PTH123, PTH208, PTH211
from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import stat
import sys
import time
from typing import Any


def attack(name: str, marker: str, arguments: dict[str, Any]) -> dict[str, Any]:
    print(marker, flush=True)
    return {"marker": marker, "saw": ATTACKS[name](**arguments)}


def attempt(action: Any, *arguments: Any) -> str:
    """ "done", or the name of the error."""
    try:
        action(*arguments)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "done"


def write(path: str | bytes, text: str = "written") -> None:
    with open(path, "w") as file:
        file.write(text)


def write_each(paths: list[str]) -> dict[str, str]:
    return {path: attempt(write, path) for path in paths}


def link_out(outside: str) -> dict[str, str]:
    """Links of every kind, and what they would be good for."""
    seen = {
        "absolute": attempt(os.symlink, outside, "absolute"),
        "relative": attempt(os.symlink, "../outside.txt", "relative"),
        "folder": attempt(os.symlink, os.path.dirname(outside), "folder"),
        "inside": attempt(os.symlink, "notes.md", "inside"),
        "loop": attempt(os.symlink, "loop", "loop"),
        "through": attempt(write, "absolute"),
    }
    os.mkdir("deep")
    seen["deep"] = attempt(os.symlink, "../../outside.txt", "deep/link")
    write("deep/fine")
    return seen


def replace_by_links(outside: str) -> dict[str, str]:
    """A folder and a file of the workspace, each with a link in its place."""
    shutil.rmtree("plain")
    os.unlink("notes.md")
    return {
        "folder": attempt(os.symlink, os.path.dirname(outside), "plain"),
        "file": attempt(os.symlink, outside, "notes.md"),
    }


def special_files() -> dict[str, str]:
    import socket

    def bind() -> None:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("socket")

    write("fine")
    return {
        "fifo": attempt(os.mkfifo, "fifo"),
        "socket": attempt(bind),
        "disk": attempt(os.mknod, "disk", 0o666 | stat.S_IFBLK, os.makedev(254, 0)),
        "null": attempt(os.mknod, "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3)),
        "whiteout": attempt(os.mknod, "notes.md.gone", 0o666 | stat.S_IFCHR, 0),
    }


def forge_marks() -> dict[str, str]:
    """Delete what lies below without deleting it: by the marks of an overlay, made by hand."""
    xattr = os.setxattr
    seen = {
        "opaque": attempt(xattr, "plain", "user.overlay.opaque", b"y"),
        "root": attempt(xattr, ".", "user.overlay.opaque", b"y"),
        "redirect": attempt(xattr, "plain", "user.overlay.redirect", b"/etc"),
        "metacopy": attempt(xattr, "notes.md", "user.overlay.metacopy", b""),
    }
    with contextlib.suppress(OSError):
        os.mknod("plain/whiteout", stat.S_IFCHR, 0)
    write("fine")
    return seen


def special_modes() -> dict[str, int]:
    """Programs that would run as their owner, and folders with bits of their own."""
    shutil.copy("/bin/true", "program")
    os.mkdir("bits")
    for path, mode in (("program", 0o6755), ("bits", 0o7777), ("notes.md", 0o4777)):
        os.chmod(path, mode)
    return {path: os.stat(path).st_mode & 0o7777 for path in ("program", "bits", "notes.md")}


def touch_secrets() -> dict[str, str]:
    hook = "sub/.git/hooks"
    seen = {
        "hook": attempt(os.makedirs, hook),
        "config": attempt(write, "sub/.git/config"),
        "env": attempt(write, ".env"),
        "unlink env": attempt(os.unlink, ".env"),
        "rename env": attempt(os.rename, ".env", "free"),
        "replace env": attempt(os.rename, "notes.md", ".env"),
        "move repository": attempt(os.rename, "sub", "moved"),
        "remove repository": attempt(shutil.rmtree, "sub/.git"),
        "new env": attempt(write, "plain/.env.local"),
        "new upper": attempt(write, "plain/.ENV"),
        "new repository": attempt(os.makedirs, "plain/.git/hooks"),
        "new hook": attempt(write, "plain/.git/hooks/post-checkout"),
        "by rename": attempt(move, "x", ".envrc"),
        "settings": attempt(write, "toolrun.toml"),
        "new settings": attempt(write, "plain/toolrun.toml"),
        "unlink alias": attempt(os.unlink, "alias"),
    }
    write("fine")
    return seen


def move(source: str, target: str) -> None:
    write(source)
    os.rename(source, target)


def leave_by_path(outside: str) -> dict[str, str]:
    return {
        "dots": attempt(write, "../outside.txt"),
        "absolute": attempt(write, outside),
        "dot name": attempt(write, "..."),
        "backslash": attempt(write, "..\\outside.txt"),
        "parent": attempt(os.mkdir, "../made"),
        "rename": attempt(move, "y", "../y"),
    }


def hard_links(outside: str) -> dict[str, str]:
    seen = {
        "outside": attempt(os.link, outside, "hard"),
        "passwd": attempt(os.link, "/etc/passwd", "hard"),
        "inside": attempt(os.link, "notes.md", "twin"),
    }
    with open("twin", "a") as file:
        file.write(" and more")
    with open("linked.md", "a") as file:
        file.write(" and more")
    return seen


def sparse_files(count: int, size: int) -> dict[str, str]:
    def make(number: int) -> None:
        with open(f"sparse{number:03}", "wb") as file:
            os.truncate(file.fileno(), size)

    return {str(number): attempt(make, number) for number in range(count)}


def many_files(count: int) -> dict[str, Any]:
    made = 0
    for number in range(count):
        why = attempt(write, f"n{number}", "")
        if why != "done":
            return {"made": made, "why": why}
        made += 1
    return {"made": made, "why": ""}


def fill_disk(mebibytes: int) -> dict[str, Any]:
    written = 0
    for number in range(mebibytes):
        try:
            with open(f"large{number}", "wb", buffering=0) as file:
                written += file.write(os.urandom(1 << 20))
        except OSError as error:
            return {"written": written, "why": errno.errorcode[error.errno or 0]}
    return {"written": written, "why": ""}


def rearrange() -> list[str]:
    """Replace a folder, a file by a folder, a folder by a file, and move one."""
    shutil.rmtree("plain")
    os.mkdir("plain")
    write("plain/new")
    os.unlink("notes.md")
    os.mkdir("notes.md")
    write("notes.md/inner")
    shutil.rmtree("other")
    write("other")
    shutil.move("tree", "moved")
    return sorted(os.listdir("."))


def strange_names() -> dict[str, str]:
    names = [b"new\nline", b"\xff\xfe", b"\x1b[2J", b"tab\t", "\u202etxt.exe".encode(), b"fine"]
    seen = {repr(name): attempt(write, name) for name in names}
    deep = "/".join("d" * 3 for _ in range(80))
    seen["deep"] = attempt(os.makedirs, deep)
    seen["in it"] = attempt(write, f"{deep}/x")
    return seen


def closed_files() -> None:
    """Files and folders that their owner may not read."""
    os.mkdir("closed")
    write("closed/inner")
    write("secret")
    os.chmod("secret", 0)
    os.chmod("closed", 0)
    os.chmod(".", 0)


def write_then(then: str) -> None:
    write("half")
    with open("notes.md", "a") as file:
        file.write(" half")
    if then == "sleep":
        time.sleep(60)
    elif then == "raise":
        raise ValueError("no more")
    elif then == "crash":
        os._exit(3)
    elif then == "signal":
        os.kill(os.getpid(), 11)
    elif then == "memory":
        held = [b"\1" * (1 << 20) for _ in range(2000)]
        time.sleep(60)
        print(len(held))


def leave_a_writer(seconds: float) -> str:
    """A process that goes on writing when the call has returned."""
    if os.fork() == 0:
        os.setsid()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            write("late", str(time.monotonic()))
            with contextlib.suppress(OSError):
                os.unlink("link")
                os.symlink("/etc/passwd", "link")
        os._exit(0)
    write("early")
    return "left"


ATTACKS = {name: value for name, value in globals().items() if callable(value)}


if __name__ == "__main__":
    print(json.dumps(attack(sys.argv[1], "control", json.loads(sys.argv[2]))))
