"""Attacks by links, and by changing what a path means while it is used."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
import threading
import time

from .trying import attempt, text_of


def follow(target: str) -> str:
    path = os.path.join(tempfile.mkdtemp(), "link")
    os.symlink(target, path)
    return text_of(path)


def follow_given(path: str) -> str:
    return text_of(path)


def chain(target: str) -> str:
    """Forty links, each to the next."""
    folder = tempfile.mkdtemp()
    os.symlink(target, f"{folder}/0")
    for number in range(1, 39):
        os.symlink(f"{folder}/{number - 1}", f"{folder}/{number}")
    return text_of(f"{folder}/38")


def folder_link(target: str) -> str:
    folder = tempfile.mkdtemp()
    os.symlink(os.path.dirname(target), f"{folder}/up")
    return text_of(f"{folder}/up/{os.path.basename(target)}")


def parent_of_working_directory(name: str, folder: str) -> str:
    os.chdir(folder)
    return text_of(f"../{name}")


def parent_by_descriptor(name: str, folder: str) -> str:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        found = os.open(f"../{name}", os.O_RDONLY, dir_fd=descriptor)
    except OSError as error:
        return "!" + errno.errorcode[error.errno or 0]
    return os.read(found, 100).decode()


def parent_in_proc(name: str, folder: str) -> str:
    os.chdir(folder)
    return text_of(f"/proc/self/cwd/../{name}")


def root_in_proc(target: str) -> str:
    """By the first process, and by its own: an ordinary user may not look at another's."""
    read = text_of(f"/proc/1/root{target}")
    return text_of(f"/proc/self/root{target}") if read.startswith("!") else read


def hard_link_out(source: str) -> str:
    """A second name, outside the folder that is read-only."""
    folder = os.path.dirname(source) if os.access(os.path.dirname(source), os.W_OK) else "/tmp"
    return attempt(os.link, source, f"{folder}/second-name")


def swap_while_read(target: str, seconds: float, enough: int = 99) -> str:
    """What a path leads to is exchanged all the time: now a plain file, now the target.

    It ends early once so many different things were read.
    """
    folder = tempfile.mkdtemp()
    with open(f"{folder}/plain", "w") as file:
        file.write("plain")
    os.symlink(target, f"{folder}/link")
    os.symlink(f"{folder}/plain", f"{folder}/path")
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            for name in ("plain", "link"):
                with contextlib.suppress(OSError):
                    os.unlink(f"{folder}/next")
                os.symlink(f"{folder}/{name}", f"{folder}/next")
                os.rename(f"{folder}/next", f"{folder}/path")

    swap_thread = threading.Thread(target=swap)
    swap_thread.start()
    seen: set[str] = set()
    until = time.monotonic() + seconds
    while time.monotonic() < until and len(seen) < enough:
        seen.add(text_of(f"{folder}/path"))
    over.set()
    swap_thread.join()
    return " ".join(sorted(seen))


def swap_folder_while_written(target: str, seconds: float) -> str:
    """A file is made in a folder that becomes a link to another one meanwhile."""
    folder = tempfile.mkdtemp()
    os.mkdir(f"{folder}/own")
    os.symlink(os.path.dirname(target), f"{folder}/link")
    os.symlink(f"{folder}/own", f"{folder}/path")
    until = time.monotonic() + seconds
    name = os.path.basename(target) + ".raced"
    while time.monotonic() < until:
        for leads in ("own", "link"):
            os.symlink(f"{folder}/{leads}", f"{folder}/next")
            os.rename(f"{folder}/next", f"{folder}/path")
            with contextlib.suppress(OSError):
                open(f"{folder}/path/{name}", "w").close()
    return "done" if os.path.exists(f"{os.path.dirname(target)}/{name}") else "ENOENT"
