"""Which traces does no test use?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from toolrun.integrations.pytest.marks import id_of, traces_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

_CHOOSING: Final = (
    *("keyword", "markexpr", "deselect", "ignore", "ignore_glob"),
    *("lf", "stepwise", "collectonly"),
)
"""The options with which some of the tests do not run."""


def runs_all(config: pytest.Config) -> bool:
    """Whether the run has all tests: then a trace that none of them names is nobody's."""
    option = config.option
    if any(getattr(option, name, None) for name in _CHOOSING):
        return False
    return all(Path(each).is_dir() for each in config.args)


def unused(named: Iterable[Path], config: pytest.Config) -> list[Path]:
    """The traces that lie beside named ones and are not named, of the folders that were run."""
    of_tests = set(named)
    roots = [Path(os.path.abspath(each)) for each in config.args]  # noqa: PTH100 - links stay
    folders = {path.parent for path in of_tests}
    return [
        each
        for folder in sorted(folders)
        if any(folder.is_relative_to(root) for root in roots)
        for each in traces_of(folder)
        if each not in of_tests and not _is_further(each, of_tests)
    ]


def _is_further(path: Path, named: set[Path]) -> bool:
    """Whether it is the trace of a further session (`NAME-ID.jsonl`) of a named one."""
    name = id_of(path, [path])
    owners = [each for each in named if path.parent == each.parent]
    if not any(name.startswith(f"{id_of(each, [each])}-") for each in owners):
        return False
    from toolrun.errors import TraceError
    from toolrun.trace.header import beside
    from toolrun.trace.reader import TraceReader

    try:
        with TraceReader(path) as reader:
            session = reader.header.session
    except TraceError:
        return False
    return any(beside(each, session) == path for each in owners)
