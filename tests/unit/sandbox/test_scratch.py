"""Is a scratch folder the box's own: empty each time, sized, and gone with the call?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from toolrun.errors import ConfigError
from toolrun.sandbox import Sandbox, load_profile
from toolrun.sandbox.order import SCRATCH, Order
from toolrun.sandbox.view import Folder, View

if TYPE_CHECKING:
    from pathlib import Path

    from toolrun.sandbox import Completed

SMALL = {"extends": "python", "disk_bytes": 1 << 20, "inodes": 200}


async def run(script: str, *, times: int = 1, **options: Any) -> list[Completed]:
    async with Sandbox(SMALL, **options) as box:
        return [await box.run(["sh", "-c", script], timeout=10, tenant="one") for _ in range(times)]


async def test_it_is_the_working_directory_and_empty_for_each_call() -> None:
    script = "pwd; mkdir -p d/e; echo 1 > d/e/f; ln -s / link; ls -A | sort; test ! -e old; :> old"
    first, second = await run(script, times=2)

    assert first.stdout.decode().splitlines()[0] == SCRATCH
    assert {"d", "link"} <= set(first.stdout.decode().split())
    assert (second.stdout, second.exit) == (first.stdout, 0)


async def test_its_bytes_are_bounded() -> None:
    (done,) = await run(
        "for i in 1 2 3; do head -c 700000 /dev/zero > $i; done; du -ck [123] | tail -1 | cut -f1"
    )

    assert b"No space left on device" in done.stderr
    assert 700 <= int(done.stdout) <= 1024


async def test_its_files_are_bounded() -> None:
    (done,) = await run("echo began; i=0; while :; do :> $i; i=$((i + 1)); done")

    assert (done.status, done.stdout) == ("disk_limit", b"began\n")


async def test_the_workspace_is_not_in_it(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("seen")
    (done,) = await run(f"echo ran; cat {tmp_path}/secret secret", workspace=tmp_path)

    assert done.stdout == b"ran\n"


def test_a_module_in_its_place_is_refused() -> None:
    with pytest.raises(ConfigError, match=f"its scratch folder is at {SCRATCH}, where the tool's"):
        order("python")
    assert order("pure").view.folders[0].path == SCRATCH


def order(profile: str) -> Order:
    view = View(folders=(Folder(SCRATCH, "dotted"),))
    return Order(profile=load_profile(profile), view=view, masks=((),), boot=b"")
