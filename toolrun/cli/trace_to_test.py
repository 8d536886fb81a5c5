"""`toolrun trace to-test`: a test for pytest from a recorded session."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from toolrun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.trace.reader import Trace
    from toolrun.trace.to_test import Tools


def to_test(
    file: Path,
    /,
    *,
    output: Annotated[
        Path | None,
        Parameter(
            name=["--output", "-o"], help="The test; test_NAME.py in this folder by default."
        ),
    ] = None,
    tools: Annotated[
        tuple[str, ...],
        Parameter(
            metavar="NAME|FILE[:NAME]",
            consume_multiple=False,
            help="The tools themselves, as toolrun run takes them; stand-ins by default.",
        ),
    ] = (),
) -> int:
    """Write a test for pytest from a trace: what was said, and what came of it.

    It passes at once: the trace, of which a copy lies beside the test, stands in for model and
    tools. What it asserts is what happened; keep what matters of it.

    Args:
        file: A trace.
        output: A file that is not there yet.
        tools: Imported by the test; without them the trace's own schemas stand for them.
    """
    from toolrun.cli.trace_files import a_trace
    from toolrun.trace.reader import read_trace
    from toolrun.trace.to_test import to_test as text_of

    source = a_trace(file)
    name = re.sub(r"\W+", "_", file.name.removesuffix(".gz").removesuffix(".jsonl")).strip("_")
    target = output or Path(f"test_{name}.py")
    if target.exists():
        raise ConfigError(f"{target} is there already; nothing was written")
    trace = read_trace(source)
    text = text_of(trace, source.name, _tools(tools, trace, target))
    target.parent.mkdir(parents=True, exist_ok=True)
    copy = target.parent / source.name
    if copy.exists() and not copy.samefile(source) and copy.read_bytes() != source.read_bytes():
        raise ConfigError(f"another trace lies at {copy}; nothing was written")
    if not copy.exists():
        _copy(source, copy)
    target.write_text(text, encoding="utf-8")
    print(f"{target}: run it with pytest {target}")
    return 0


def _copy(source: Path, copy: Path) -> None:
    """Copy a trace with what lies beside it: further parts, long texts.

    Nothing else, and no links: the folder may be anybody's, and the copy lies among tests, where
    pytest imports what it finds, and in a repository.
    """
    from toolrun.trace.blobs import is_name

    stem = source.name.removesuffix(".gz").removesuffix(".jsonl")
    part = re.compile(rf"{re.escape(stem)}\.\d+\.jsonl(\.gz)?")
    shutil.copy2(source, copy)
    for each in source.parent.iterdir():
        if _is_own(each) and part.fullmatch(each.name):
            shutil.copy2(each, copy.parent / each.name)
    blobs = source.with_name(f"{stem}.blobs")
    if blobs.is_dir() and not blobs.is_symlink():
        target = copy.parent / blobs.name
        target.mkdir(mode=0o700, exist_ok=True)
        for each in blobs.iterdir():
            if _is_own(each) and is_name(each.name):
                shutil.copy2(each, target / each.name)


def _is_own(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _tools(references: Sequence[str], trace: Trace, target: Path) -> Tools:
    """What the test imports, and offers, for what was named.

    Raises:
        ConfigError: a file or a name is not there, or a recorded tool is not among them.
    """
    from toolrun.cli.load_tools import builtin_of, load_tools
    from toolrun.config_sources import one_by_one
    from toolrun.trace.to_test import Tools

    if not references:
        return Tools()
    imports: dict[str, list[str]] = {}
    offered: list[str] = []
    seen: dict[str, Any] = {}
    for reference in one_by_one(list(references)):
        found = load_tools([reference])
        seen |= _schemas(found)
        if (own := builtin_of(reference)) is not None and own != "browser":
            imports.setdefault("toolrun.tools.builtin", []).append(own)
            offered.append(f"{own}()")
            continue
        path = Path(reference.rpartition(":")[0] or reference)
        path = path if path.is_file() else Path(reference)
        if path.suffix != ".py":
            raise ConfigError(
                f"--tools {reference}: a test imports functions; name a Python file, or none for "
                "stand-ins"
            )
        names = _names(found)
        imports.setdefault(path.stem, []).extend(names)
        offered += names
        if path.resolve().parent != target.resolve().parent:
            print(
                f"toolrun: {target} imports {path.stem}: put {path.resolve().parent} into "
                "pytest's pythonpath, or the test beside it",
                file=sys.stderr,
            )
    _check(seen, trace)
    return Tools(imports, f"[{', '.join(offered)}]")


def _names(found: Sequence[Any]) -> list[str]:
    """Under which names the module of functions has them."""
    return [
        next(name for name, value in vars(sys.modules[each.__module__]).items() if value is each)
        for each in found
    ]


def _schemas(found: Sequence[Any]) -> dict[str, Any]:
    from toolrun.tools.definition import define

    defined = [define(each).to_openai() for each in found]
    return {each["function"]["name"]: each for each in defined}


def _check(seen: dict[str, Any], trace: Trace) -> None:
    """Say which tools are not the recorded ones: the test would fail at its first request."""
    from toolrun.events import SessionOpened

    opened = trace.events[0] if trace.events else None
    recorded = opened.tools if isinstance(opened, SessionOpened) else []
    names = [each["function"]["name"] for each in recorded]
    if missing := [name for name in names if name not in seen]:
        raise ConfigError(f"--tools: the trace has {', '.join(missing)} as well; name their files")
    for each in recorded:
        if seen[each["function"]["name"]] != each:
            print(
                f"toolrun: {each['function']['name']} is another tool now than when it was "
                "recorded: the test will say in what",
                file=sys.stderr,
            )
