"""`toolrun trace view`: a recorded session as a page to look at."""

from __future__ import annotations

import os
import sys
from pathlib import Path  # noqa: TC003 - cyclopts reads it
from typing import Annotated

from cyclopts import Parameter

from toolrun.errors import ConfigError


def view(
    source: Path,
    /,
    *,
    output: Annotated[
        Path | None,
        Parameter(name=["--output", "-o"], help="Where the page goes; a folder for a folder."),
    ] = None,
    serve: Annotated[bool, Parameter(help="Serve the pages on 127.0.0.1 until Ctrl-C.")] = False,
    port: Annotated[
        int | None, Parameter(help="The port of --serve; any that is free by default.")
    ] = None,
) -> int:
    """Make one page of a trace that needs nothing else, and open it in the browser.

    Of a folder: a list, and a page of each trace in it. Without --output they go to a temporary
    folder. The pages hold the whole conversation, as the trace does: only you may read them.

    Args:
        source: A trace, or a folder of traces.
        output: A file, which is written over; a folder, for a folder.
        serve: Nothing is written; a page is made when it is asked for.
        port: 0 for any.
    """
    if not source.exists():
        raise ConfigError(f"there is no trace and no folder {source}")
    if serve and output is not None:
        raise ConfigError("--serve writes nothing: leave --output out")
    if port is not None and not serve:
        raise ConfigError("--port is for --serve")
    return _serve(source, port or 0) if serve else _write(source, output)


def _write(source: Path, output: Path | None) -> int:
    from toolrun.cli.screen import visible
    from toolrun.trace.view.folder import write_file, write_folder

    if source.is_dir():
        page, failed = write_folder(source, output)
    else:
        page, failed = write_file(source, output), []
    print(page)
    for each in failed:
        print(visible(f"toolrun: {each}"), file=sys.stderr)
    if output is None:
        open_page(page.resolve().as_uri())
    return 1 if failed else 0


def _serve(source: Path, port: int) -> int:
    from toolrun.trace.view.serve import Server

    with Server(source, port) as server:
        print(f"{server.url}\nCtrl-C ends it.", flush=True)
        open_page(server.url)
        server.serve_forever()
    return 0


def open_page(address: str) -> None:
    """Open a browser with a window; one in the terminal would take it from whoever typed."""
    import webbrowser

    seen = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    if sys.platform in {"darwin", "win32"} or any(os.environ.get(name) for name in seen):
        webbrowser.open(address)
