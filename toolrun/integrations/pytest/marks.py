"""Which traces does a test's mark name?"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _pytest.mark import ParameterSet

INI: Final = "toolrun_traces"
MARK: Final = "trace"
_HOW: Final = ("strictness", "tools", "volatile")
_SUFFIXES: Final = (".jsonl", ".jsonl.gz")
_PART: Final = re.compile(r"\.\d+\.jsonl(\.gz)?$")
_GLOB: Final = re.compile(r"[*?\[]")


class Marked(NamedTuple):
    """What a mark says.

    Attributes:
        paths: of the traces, in the order in which the test opens sessions.
        how: the session is held against them: `strictness`, `tools`, `volatile` of a `Stage`.
    """

    paths: tuple[Path, ...]
    how: dict[str, Any]


class MarkError(Exception):
    """A mark that says nothing one could do; the message says what would be right."""


def marked(item: pytest.Item) -> Marked | None:
    """What the mark of a test says; None where it has none.

    Raises:
        MarkError: it cannot be used.
    """
    mark = item.get_closest_marker(MARK)
    if mark is None:
        return None
    _check(mark)
    if (chosen := _chosen(item)) is not None:
        return Marked((chosen,), dict(mark.kwargs))
    folder = _folder(item.config, item.path)
    for each in filter(_is_many, mark.args):
        if len(mark.args) > 1:
            raise MarkError(f"a mark names one folder or pattern, or files: {_shown(mark)}")
        raise MarkError(
            f"{_shown(mark)}: there are no traces at {_found(folder, each)}. Record the first one "
            "there (toolrun run --trace FILE ...): the test has its words from the traces"
        )
    return Marked(tuple(_found(folder, each) for each in mark.args), dict(mark.kwargs))


def several(definition: pytest.Item) -> list[Path]:
    """The traces of a mark that names a folder or a pattern: the test is run with each.

    Returns:
        None of them where the mark names its traces one by one, or can't be used: the test says so.
    """
    mark = definition.get_closest_marker(MARK)
    if mark is None or len(mark.args) != 1 or not _is_many(mark.args[0]):
        return []
    return traces_of(_found(_folder(definition.config, definition.path), mark.args[0]))


def trace_files(place: str | os.PathLike[str], **how: object) -> list[ParameterSet]:
    """The traces of a folder, or of a pattern, to parametrise a test with, beside other parameters.

        @pytest.mark.parametrize("trace", trace_files(Path(__file__).parent / "traces"))

    Each test is marked with its trace, which it gets as a `Path`.

    Args:
        place: a folder or a pattern (`traces/refund-*.jsonl`); from the working folder on, where
            it is not absolute.
        **how: see the mark.

    Raises:
        ValueError: there are no traces.
    """
    path = Path(place).absolute()
    found = traces_of(path)
    if not found:
        raise ValueError(f"there are no traces (*.jsonl) at {path}")
    return [
        pytest.param(each, marks=pytest.mark.trace(each, **how), id=id_of(each, found))
        for each in found
    ]


def traces_of(place: Path) -> list[Path]:
    """The traces of a folder or a pattern, sorted; a trace in several parts is one."""
    if _GLOB.search(str(place)):
        root = next(each for each in place.parents if not _GLOB.search(str(each)))
        found = root.glob(str(place.relative_to(root)))
    else:
        found = place.glob("*")
    return sorted(
        each
        for each in found
        if each.name.endswith(_SUFFIXES)
        and not each.name.startswith(".")
        and not _PART.search(each.name)
    )


def id_of(path: Path, among: list[Path]) -> str:
    """A short name of a trace among others: "refund", or "orders/refund" where folders differ."""
    root = os.path.commonpath([each.parent for each in among])
    name = Path(os.path.relpath(path, root)).as_posix()
    return re.sub(r"\.jsonl(\.gz)?$", "", name)


def _chosen(item: pytest.Item) -> Path | None:
    """The trace that a test which is run with several has this time."""
    spec = getattr(item, "callspec", None)
    chosen = spec.params.get(PARAMETER) if spec is not None else None
    return chosen if isinstance(chosen, Path) else None


PARAMETER: Final = "_toolrun_chosen_trace"
"""The fixture through which a test is run with each of several traces."""


def _check(mark: pytest.Mark) -> None:
    if not mark.args:
        raise MarkError('the mark names no trace: @pytest.mark.trace("file.jsonl")')
    for each in mark.args:
        if not isinstance(each, str | os.PathLike):
            raise MarkError(f"a trace is a path, not {each!r}: {_shown(mark)}")
    for name in mark.kwargs:
        if name not in _HOW:
            raise MarkError(
                f"{_shown(mark)}: there is no {name}; there are {', '.join(_HOW)} (for a live "
                "model run pytest --trace-mode=live)"
            )


def _folder(config: pytest.Config, test: Path) -> Path:
    """What names of traces are read from: the folder of the setting, else the test's own."""
    said = str(config.getini(INI) or "")
    return config.rootpath / said if said else test.parent


def _found(folder: Path, name: str | os.PathLike[str]) -> Path:
    return Path(os.path.normpath(folder / name))


def _is_many(path: Any) -> bool:
    """Whether this is a folder or a pattern, and no trace."""
    if not isinstance(path, str | os.PathLike):
        return False  # refused when the test is set up
    text = os.fspath(path)
    return bool(_GLOB.search(text)) or not text.endswith(_SUFFIXES)


def _shown(mark: pytest.Mark) -> str:
    how = [f"{name}={value!r}" for name, value in mark.kwargs.items()]
    return f"@pytest.mark.trace({', '.join([*map(_argument, mark.args), *how])})"


def _argument(value: object) -> str:
    return repr(os.fspath(value)) if isinstance(value, os.PathLike) else repr(value)


def every(items: list[pytest.Item]) -> Iterator[Path]:
    """All traces that tests are marked with; marks that cannot be used say so in their tests."""
    for item in items:
        try:
            found = marked(item)
        except MarkError:
            continue
        yield from found.paths if found is not None else ()
