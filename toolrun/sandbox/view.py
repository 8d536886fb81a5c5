"""Which files does a box see? The interpreter's own, the tool's module, and the workspace."""

# Paths are bubblewrap's arguments here: strings, resolved once.
# ruff: noqa: PTH112, PTH113, PTH117, PTH120
from __future__ import annotations

import os
import site
import sys
import sysconfig
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from toolrun import resources
from toolrun.errors import ConfigError
from toolrun.sandbox.venv import of_a_function, venv

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from toolrun.sandbox.job import Job

SYSTEM_FOLDERS: Final = ("/usr/bin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/share")
"""Not all of /usr: images keep applications, with their secrets, in /usr/src and /usr/local."""

_RESERVED: Final = ("/", "/bin", "/dev", "/etc", "/lib", "/proc", "/sys", "/tmp", "/usr")  # noqa: S108 - of the box

Hide = Literal["secrets", "dotted", "nothing"]


class Folder(msgspec.Struct, frozen=True):
    """A folder (or a single file) that a box sees read-only at its own path.

    Attributes:
        hide: "secrets": .git and .env* at any depth; "dotted": all whose name begins with a dot;
            "nothing": packages of others, which are not searched before each call.
    """

    path: str
    hide: Hide


class Runtime(msgspec.Struct, frozen=True):
    """What every box of this process sees, so that the interpreter starts and packages import.

    Attributes:
        interpreter: the program, links resolved: a venv's is a link to it.
        folders: what is shown beside `SYSTEM_FOLDERS`, none inside another.
        path: what follows the standard library on `sys.path`.
    """

    interpreter: str
    folders: tuple[str, ...]
    path: tuple[str, ...]


class View(msgspec.Struct, frozen=True):
    """What one job's box sees beside the runtime.

    Attributes:
        folders: outermost first.
        first: what precedes the standard library on `sys.path`: the module's folder, as for a
            script.
        path: what follows it, before the runtime's.
        module: the module's name.
        file: the module's file, links resolved.
        by_name: whether the module can be imported by its name from there.
    """

    folders: tuple[Folder, ...] = ()
    first: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    module: str = ""
    file: str = ""
    by_name: bool = False


@cache
def runtime() -> Runtime:
    """The runtime of this process's interpreter."""
    interpreter = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
    prefix = os.path.realpath(sys.base_prefix)
    standard = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib")]
    sites = _site_folders()
    package = str(Path(resources.__file__).resolve().parent)
    shown = [*map(os.path.realpath, standard), *sites, package]
    shown += [interpreter] if prefix in {"/usr", "/usr/local"} else [prefix]
    if prefix == "/usr/local":  # the official container images: libpython and what pip built
        shown.append("/usr/local/lib")
    return Runtime(
        interpreter=interpreter,
        folders=outermost(path for path in shown if not within(path, SYSTEM_FOLDERS)),
        path=(*sites, str(Path(package).parent)),
    )


def _site_folders() -> list[str]:
    """The site-packages that this process itself uses, and what .pth files add to them."""
    candidates = {*site.getsitepackages(), sysconfig.get_path("purelib")}
    if site.ENABLE_USER_SITE:
        candidates.add(site.getusersitepackages())
    known = {os.path.realpath(path) for path in candidates}
    used = [os.path.realpath(path) for path in sys.path if os.path.isdir(path)]
    folders = [path for path in dict.fromkeys(used) if path in known]
    own = str(Path(resources.__file__).resolve().parent.parent)
    added = [line for folder in folders for line in _editable(folder) if line != own]
    return [*folders, *dict.fromkeys(added)]


def _editable(folder: str) -> list[str]:
    """The folders of packages installed in place: plain lines of .pth files."""
    found = []
    for file in sorted(Path(folder).glob("*.pth")):
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            continue
        found += [os.path.realpath(line) for line in lines if os.path.isabs(line)]
    return [path for path in found if os.path.isdir(path)]


def _named(site: str, workspace: str | None) -> list[str]:
    """The folders outside the workspace that an environment's .pth files name, fit to be shown.

    No tool may widen what the next one sees: an environment in the workspace, where a tool may
    write, names none; and nowhere is one of the system, of a home, or hidden.
    """
    environment = str(Path(site).parents[2])
    if workspace is not None and within(site, [workspace]):
        return []
    return [
        path
        for path in _editable(site)
        if path not in _RESERVED
        and not within(os.path.realpath(Path.home()), [path])
        and (within(path, [environment]) or "/." not in path)
        and (workspace is None or not (within(path, [workspace]) or within(workspace, [path])))
    ]


def check_workspace(workspace: Path) -> str:
    """Resolve a workspace's path.

    Raises:
        ConfigError: it is no folder, or one that the box itself needs.
    """
    path = os.path.realpath(workspace)
    if not os.path.isdir(path):
        raise ConfigError(f"workspace {workspace}: not a folder")
    if path in _RESERVED:
        raise ConfigError(f"workspace {workspace}: a system folder; give a folder inside it")
    return path


def view_of(job: Job, workspace: str | None, python_paths: Sequence[str]) -> View:
    """What the box of a job sees.

    Raises:
        ConfigError: the module's file does not exist.
    """
    file = os.path.realpath(job.file)
    if not os.path.isfile(file):
        raise ConfigError(f"tool {job.qualname}: its module's file {job.file} does not exist")
    root, by_name = _root(file, job.module)
    roots = [root, *python_paths]
    shown = [] if workspace is None else [Folder(workspace, "secrets")]
    for folder in roots:
        shown += [Folder(path, "dotted") for path in _importable(folder, file)]
    packages: list[str] = []
    if job.python is not None:
        site = of_a_function(job.python, job.qualname).site
        named = _named(site, workspace)
        seen = [] if workspace is None else [workspace]
        packages = [site, *named, *(path for path in _editable(site) if within(path, seen))]
        shown += [Folder(site, "nothing"), *(Folder(path, "dotted") for path in named)]
    return View(
        folders=_arranged(shown),
        first=() if by_name and root in runtime().path else (root,),
        path=(*python_paths, *packages),
        module=job.module,
        file=file,
        by_name=by_name,
    )


def workspace_view(workspace: str | None, python: str | None = None) -> View:
    """What the box of a plain command sees: the workspace, and an environment of Python.

    Raises:
        ConfigError: there is no such environment.
    """
    shown = [] if workspace is None else [Folder(workspace, "secrets")]
    if python is not None:
        found = venv(python)
        shown += [Folder(path, "nothing") for path in (found.folder, *found.base)]
        shown += [Folder(path, "dotted") for path in _named(found.site, workspace)]
    return View(_arranged(shown))


def with_file(view: View, path: str) -> View:
    """The same, and a file (absolute, links resolved) at its own path."""
    folders = _arranged([*view.folders, Folder(path, "nothing")])
    return msgspec.structs.replace(view, folders=folders)


def _root(file: str, module: str) -> tuple[str, bool]:
    """The folder that a module's name is relative to, and whether it really is."""
    parts = module.split(".")
    for suffix in (".py", "/__init__.py"):
        tail = "/" + "/".join(parts) + suffix
        if file.endswith(tail) and module != "__main__":
            return file.removesuffix(tail) or "/", True
    return os.path.dirname(file), False


def _importable(folder: str, file: str) -> list[str]:
    """The folder itself; of a home, of /tmp and the like only the modules that lie in it."""
    home = os.path.realpath(Path.home())
    if folder not in _RESERVED and not within(home, [folder]):
        return [folder]
    entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    packages = [entry for entry in entries if os.path.isfile(f"{entry.path}/__init__.py")]
    modules = [entry for entry in entries if entry.name.endswith((".py", ".so"))]
    found = [entry.path for entry in (*modules, *packages) if not entry.name.startswith(".")]
    return found if within(file, found) or not within(file, [folder]) else [*found, file]


def _arranged(folders: Iterable[Folder]) -> tuple[Folder, ...]:
    """Outermost first, each once; what the runtime shows already is left out."""
    hidden = (*SYSTEM_FOLDERS, *runtime().folders)
    kept: dict[str, Folder] = {}
    for folder in folders:
        if not within(folder.path, hidden):
            kept.setdefault(folder.path, folder)
    return tuple(sorted(kept.values(), key=lambda folder: folder.path.count("/")))


def outermost(paths: Iterable[str]) -> tuple[str, ...]:
    """The paths that lie inside no other of them, sorted."""
    kept: list[str] = []
    for path in sorted(set(paths), key=len):
        if not within(path, kept):
            kept.append(path)
    return tuple(sorted(kept))


def within(path: str, folders: Iterable[str]) -> bool:
    """Whether a path is one of the folders or lies inside one; all absolute and resolved."""
    return any(path == folder or path.startswith(folder.rstrip("/") + "/") for folder in folders)
