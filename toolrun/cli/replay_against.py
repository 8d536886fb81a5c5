"""`toolrun replay --against`: does a live model behave as the recorded one did?"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import anyio
import msgspec

from toolrun.cli import screen as s
from toolrun.cli.against_table import Against, show, summary
from toolrun.cli.bar import Bar
from toolrun.cli.options import ServerOptions, settings
from toolrun.cli.trace_files import traces
from toolrun.cli.view import json_line
from toolrun.errors import ConfigError, TraceError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from toolrun.cli.options import Common
    from toolrun.cli.replay_options import AgainstOptions
    from toolrun.config import Config


def against(
    files: Sequence[Path],
    options: AgainstOptions,
    common: Common,
    *,
    exit_first: bool,
    as_json: bool,
) -> int:
    """Ask a live model what was asked in traces; 1 where one differs in what counts.

    Args:
        files: traces, and folders of them.
        options: whom to ask.
        common: what every command has.
        exit_first: ask no more after the first that differs.
        as_json: one object with all, instead of lines and a table.

    Raises:
        ConfigError: there is no such file or folder.
        ServerError: nobody is there to be asked.
    """
    assert options.against is not None
    found = traces(files)
    server = ServerOptions(
        base_url=(options.against,),
        api_key=options.api_key,
        dialect=options.dialect,
        extra_body=options.extra_body,
    )
    config, _ = settings(server, common)
    asked = anyio.run(_asked, found, options, config, exit_first, not as_json)
    if as_json:
        report: dict[str, Any] = {
            "base_url": config.base_url,
            "traces": asked,
            "left_out": len(found) - len(asked),
        }
        print(json_line(msgspec.json.format(msgspec.json.encode(report))))
    else:
        summary(asked, len(found), options.fail_on)
    return 1 if any(each.failed for each in asked) else 0


async def _asked(
    found: list[Path],
    options: AgainstOptions,
    config: Config,
    exit_first: bool,  # noqa: FBT001 - an option, passed on
    shown: bool,  # noqa: FBT001 - an option, passed on
) -> list[Against]:
    from toolrun.cli.watch import Interrupts

    asked: list[Against] = []
    screen = s.Screen.of(sys.stdout)
    with Interrupts(), Bar(len(found), sys.stdout if shown else sys.stderr) as bar:
        for path, record in zip(found, _records(found, options.record), strict=True):
            bar.at(str(path))
            asked.append(each := await _ask(path, options, config, record))
            if shown:
                with bar.aside():
                    show(screen, each)
            if exit_first and each.failed:
                break
    return asked


async def _ask(path: Path, options: AgainstOptions, config: Config, record: Path | None) -> Against:
    from toolrun.testing.against import ask_again

    try:
        comparison = await ask_again(
            path,
            config.base_url,
            model=options.model,
            via=options.via,
            extra_body=config.extra_body,
            record=record,
            api_key=config.api_key,
            dialect=config.dialect,
        )
    except TraceError as error:
        # Not asked is not the same: a test that checks nothing must not pass.
        return Against(str(path), failed=options.fail_on != "none", why=str(error))
    failed = comparison.fails(options.fail_on)
    return Against(str(path), failed, comparison, recorded_to="" if record is None else str(record))


def _records(found: Sequence[Path], folder: Path | None) -> list[Path | None]:
    """Where each new trace goes: below the folder, as the recorded ones lie to each other.

    Raises:
        ConfigError: it would go where a trace is already.
    """
    if folder is None:
        return [None] * len(found)
    import os

    parents = [str(path.resolve().parent) for path in found]
    top = os.path.commonpath(parents)
    names = [path.name.removesuffix(".gz") for path in found]
    records = [
        folder / os.path.relpath(parent, top) / name
        for parent, name in zip(parents, names, strict=True)
    ]
    for record in records:
        if record.exists():
            raise ConfigError(f"--record {folder}: {record} is there already; nothing was asked")
    return list(records)
