"""Which traces are in a folder, what does each say in a line, and where do their pages go?"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from toolrun.errors import ConfigError, TraceError
from toolrun.trace import layout
from toolrun.trace.reader import TraceReader
from toolrun.trace.view.listing import list_page
from toolrun.trace.view.page import Told, write_page
from toolrun.trace.view.steps import cut
from toolrun.values import Usage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

_SUFFIXES = (".jsonl", f".jsonl{layout.PACKED}")


class Summary(Struct, frozen=True, kw_only=True):
    """What the list says of a trace.

    Attributes:
        name: of the file in the folder, with slashes.
        title: the first words of the user.
        created: seconds since the epoch.
        status: how the last turn ended; "" where it did not.
        tokens: prompt and completion of all steps.
        error: what is wrong with the file.
    """

    name: str
    title: str = ""
    created: float = 0.0
    status: str = ""
    turns: int = 0
    steps: int = 0
    tokens: int = 0
    problems: int = 0
    error: str = ""


def traces_in(folder: Path) -> dict[str, Path]:
    """The traces in a folder and those below it by their names in it, the newest first.

    Links that lead out of it are none.
    Further parts of a trace belong to its first, and are not listed.
    """
    root = folder.resolve()
    found = {}
    for path in sorted(folder.rglob("*.jsonl*"), key=_newest_first):
        inside = path.name.endswith(_SUFFIXES) and path.resolve().is_relative_to(root)
        head = layout.head_at(path) if inside and path.is_file() else None
        plain = path.with_name(path.name.removesuffix(layout.PACKED))
        if head is not None and head.part == 1 and (plain == path or not plain.exists()):
            found[path.relative_to(folder).as_posix()] = path
    return found


def _newest_first(path: Path) -> tuple[float, str]:
    try:
        return -path.stat().st_mtime, path.name
    except OSError:  # a link to nothing
        return 0.0, path.name


def summary(name: str, path: Path) -> Summary:
    """Read a trace to its end, in flat memory, for its line in the list."""
    try:
        with TraceReader(path) as reader:
            return _told(name, reader.header.created, Told(reader))
    except (TraceError, OSError) as error:
        return Summary(name=name, error=str(error))


def _told(name: str, created: float, events: Told) -> Summary:
    title = status = ""
    usage, turns, steps, problems = Usage(), 0, 0, 0
    for step, _ in cut(events):
        title = title or step.words
        turns += step.turn > 0 and step.step == 0
        steps += step.step > 0
        usage += step.usage
        problems += step.problems
        status = step.status
    return Summary(
        name=name,
        title=title,
        created=created,
        status=status,
        turns=turns,
        steps=steps,
        tokens=usage.total_tokens,
        problems=problems,
        error=events.error,
    )


def write_file(trace: Path, output: Path | None) -> Path:
    """Write the page of a trace that only its owner may read; None: to a temporary file.

    Raises:
        TraceError: the file is no trace.
        OSError: the page cannot be written.
    """
    TraceReader(trace).close()  # before anything is written over
    if output is None:
        handle, name = tempfile.mkstemp(prefix="toolrun-", suffix=".html")
        output = Path(name)
    else:
        handle = _private(output)
    with open(handle, "wb") as out:  # noqa: PTH123 - a descriptor
        write_page(trace, out)
    return output


def write_folder(folder: Path, output: Path | None) -> tuple[Path, list[str]]:
    """Write a list of the traces of a folder, and a page of each; None: to a temporary folder.

    Returns:
        The list, and what is wrong with the files that have no page, or only a part of one.

    Raises:
        ConfigError: there is no trace.
        OSError: they cannot be written.
    """
    traces = traces_in(folder)
    if not traces:
        raise ConfigError(f"there is no trace in {folder}: no .jsonl file begins with a header")
    output = output or Path(tempfile.mkdtemp(prefix="toolrun-"))
    summaries = [summary(name, path) for name, path in traces.items()]
    for name, path in traces.items():
        page = output / f"{name}.html"
        page.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(_private(page), "wb") as out:
            _write_if_trace(path, out, "../" * name.count("/") + "index.html")
    index = output / "index.html"
    with open(_private(index), "wb") as out:
        out.writelines(list_page(folder.name, summaries, suffix=".html"))
    return index, [each.error for each in summaries if each.error]


def _write_if_trace(trace: Path, out: BinaryIO, home: str) -> None:
    try:
        write_page(trace, out, home=home)
    except TraceError as error:
        out.write(f"{error}\n".encode("ascii", "backslashreplace").replace(b"<", b"&lt;"))


def _private(path: Path) -> int:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    os.fchmod(handle, 0o600)  # it may have been there
    return handle


def summaries_of(traces: dict[str, Path], known: Known) -> Iterator[Summary]:
    """The summaries of traces; those that did not change since are not read again."""
    for name, path in traces.items():
        yield known.summary(name, path)


class Known:
    """Summaries by what the file was like: a list that is asked for again reads little."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[tuple[int, int], Summary]] = {}

    def summary(self, name: str, path: Path) -> Summary:
        """The summary of a trace, as it is now."""
        try:
            stat = path.stat()
        except OSError as error:
            return Summary(name=name, error=str(error))
        mark = (stat.st_mtime_ns, stat.st_size)
        kept = self._kept.get(name)
        if kept is None or kept[0] != mark:
            kept = self._kept[name] = (mark, summary(name, path))
        return kept[1]
