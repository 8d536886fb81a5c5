"""Files, links and races: what a path can lead to."""

from __future__ import annotations

from typing import Final

from tests.security.attack import Attack, Attacked, of, refused, unseen

_AWAY: Final = refused("ENOENT")
_READ_ONLY: Final = refused("EROFS")


_file = of("files", "files")


def _changes(name: str, payload: str, held: object = _READ_ONLY) -> Attack:
    return _file(
        name,
        payload,
        held,
        arguments={"path": "{own}"},
        control="outside",
        profile="workspace-ro",
    )


def _hidden(path: str) -> Attack:
    return _file(
        f"read {path} of the workspace",
        "read",
        refused("EACCES", "ENOENT"),
        arguments={"paths": [f"{{workspace}}/{path}"]},
        control="outside",
        profile="workspace-ro",
    )


def _etc(attacked: Attacked) -> bool:
    known = {"alternatives", "group", "ld.so.cache", "passwd"}
    return {"group", "passwd"} <= set(attacked.saw) <= known


_SYSTEM: Final = ("/etc/passwd", "/usr/lib/planted", "/usr/bin/planted", "/planted", "/dev/planted")
FILES: Final = (
    _file(
        "read a file of the host",
        "read",
        _AWAY,
        arguments={"paths": ["{canary}"]},
        control="outside",
        without="files",
    ),
    _file(
        "read the workspace where the profile shows none",
        "read",
        _AWAY,
        arguments={"paths": ["{workspace}/.env", "{workspace}/notes.md"]},
        control="outside",
    ),
    _file(
        "list the host's /etc",
        "listing",
        _etc,
        arguments={"path": "/etc"},
        control="outside",
        works=lambda each: not _etc(each),
    ),
    _file(
        "list applications under /usr",
        "listing",
        _AWAY,
        arguments={"path": "/usr/src"},
        control="outside",
        works=lambda each: each.saw != ["!ENOENT"],
    ),
    _file(
        "list the machine's devices and buses",
        "listing",
        _AWAY,
        arguments={"path": "/sys"},
        control="outside",
        works=lambda each: bool(each.saw),
    ),
    _file(
        "write outside the tmpfs",
        "write",
        refused("EROFS", "EACCES", "ENOENT"),
        arguments={"paths": [*_SYSTEM, "{here}/planted.py", "/var/tmp/planted"]},
        outside={"paths": ["{folder}/planted"]},
        control="outside",
        without="read-only root",
    ),
    _changes("empty a file of the workspace", "truncate"),
    _changes("append to it", "append"),
    _changes("remove it", "unlink"),
    _changes("rename it", "rename"),
    _changes("change its mode", "chmod"),
    _changes("change its times", "utime"),
    _changes("make a folder beside it", "mkdir"),
    _changes("make a link beside it", "symlink"),
    _changes("give it a second name", "hard_link"),
    _changes("make a fifo beside it", "fifo"),
    _changes("set an attribute of it", "attribute", refused("EROFS", "EPERM", "EACCES")),
    _changes("make a file without a name beside it", "nameless"),
    _changes("reopen it for writing through /proc", "reopen"),
    _changes(
        "change it by a descriptor for reading", "change_by_descriptor", refused("EROFS", "EPERM")
    ),
    _changes("map it and write to the memory", "map_and_write"),
    _changes("swap it with a file of its own", "exchange", refused("EROFS", "EXDEV")),
    *(
        _hidden(path)
        for path in (".env", ".git/config", "sub/.env.local", "sub/.git/config", "alias")
    ),
    _file(
        "read a hidden file by a bare descriptor",
        "path_descriptor",
        refused("EACCES", "ENOENT"),
        arguments={"path": "{workspace}/.env"},
        control="outside",
        profile="workspace-ro",
    ),
    _file(
        "replace the temporary folder",
        "replace_temporary_folder",
        refused("EBUSY", "EROFS"),
        arguments={"path": "/tmp"},
        outside={"path": "{own}"},
        control="outside",
    ),
)


_link = of("symlinks and races", "links", _AWAY, control="outside")


_TARGET: Final = {"target": "{canary}"}
_UP: Final = {"name": "canary", "folder": "{workspace}"}
LINKS: Final = (
    _link("a link to a file of the host", "follow", arguments=_TARGET, without="files"),
    _link("forty links in a row", "chain", arguments=_TARGET),
    _link("a link to a folder of the host", "folder_link", arguments=_TARGET),
    _link(
        "a link of the workspace that leads out",
        "follow_given",
        arguments={"path": "{workspace}/link"},
        profile="workspace-ro",
    ),
    _link(
        "one that climbs out by ..",
        "follow_given",
        arguments={"path": "{workspace}/climb"},
        profile="workspace-ro",
    ),
    _link(
        "the folder above the working directory",
        "parent_of_working_directory",
        arguments=_UP,
        profile="workspace-ro",
    ),
    _link(
        "the folder above a descriptor's",
        "parent_by_descriptor",
        arguments=_UP,
        profile="workspace-ro",
    ),
    _link("the same through /proc", "parent_in_proc", arguments=_UP, profile="workspace-ro"),
    _link("the root as /proc has it", "root_in_proc", arguments=_TARGET),
    _link(
        "a second name outside the read-only folder",
        "hard_link_out",
        refused("EXDEV", "EPERM", "EROFS"),
        arguments={"source": "{own}"},
        profile="workspace-ro",
    ),
    _link(
        "swap a file for a link while it is read",
        "swap_while_read",
        unseen(),
        arguments={**_TARGET, "seconds": 0.3},
        outside={"seconds": 20, "enough": 2},  # a busy machine may take its time to read both
    ),
    _link(
        "swap a folder for a link while it is written",
        "swap_folder_while_written",
        arguments={"target": "{own}", "seconds": 0.3},
        profile="workspace-ro",
    ),
)
