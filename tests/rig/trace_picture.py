"""How is the picture of the trace viewer made? `python -m tests.rig.trace_picture`.

It records a session in which much happens on the mock server, makes its page, and takes
docs/assets/trace-viewer.png in Chromium. Not part of CI: look at it, and commit it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

import anyio

from tests.rig import chromium
from tests.rig.mock import MockServer
from tests.rig.rich import record
from toolrun.trace.view.folder import write_file

PICTURE: Final = Path(__file__).parents[2] / "docs" / "assets" / "trace-viewer.png"
_LARGEST: Final = 200_000


def take(picture: Path) -> None:
    """Write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "orders.jsonl"
        with MockServer() as mock:
            anyio.run(record, trace, mock)
        page_file = write_file(trace, Path(folder) / "orders.html")
        with (
            chromium.started() as browser,
            chromium.looking_at(
                browser,
                page_file,
                "#turn-2-step-1",
                viewport={"width": 1280, "height": 820},
                device_scale_factor=1.4,
            ) as (page, _),
        ):
            page.keyboard.press("o")
            page.wait_for_timeout(300)  # what fades in has done so
            picture.parent.mkdir(exist_ok=True)
            page.screenshot(path=picture)
    size = picture.stat().st_size
    assert size <= _LARGEST, f"{size} bytes: make it smaller"


if __name__ == "__main__":
    take(PICTURE)
