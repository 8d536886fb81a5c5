"""Is the table of servers in the docs what the doctor finds of each?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.test_doctor import OBEDIENT
from tests.rig import contract, server_page
from tests.rig.contract import ContractServer
from tests.rig.server_page import CONTRACTS, OTHERS, REAL
from toolrun.models.doctor import examine
from toolrun.models.ways import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.rig.server import VllmServer


@pytest.fixture(scope="module", params=["asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """One is enough: test_doctor makes the same checks on both."""
    return str(request.param)


@pytest.fixture(scope="module", autouse=True)
def found() -> Iterator[dict[str, tuple[str, ...]]]:
    """The rows that were found; the page is written at the end, where that is asked for."""
    rows: dict[str, tuple[str, ...]] = {}
    yield rows
    if server_page.WRITES:
        server_page.write(rows)


def compare(found: dict[str, tuple[str, ...]], row: str, cells: tuple[str, ...]) -> None:
    found[row] = cells
    if not server_page.WRITES:
        assert server_page.read()[row] == cells


async def test_each_version_of_the_contract(found: dict[str, tuple[str, ...]]) -> None:
    for row, version in CONTRACTS.items():
        with ContractServer("vllm-0.11", instead=contract.vllm(version)) as server:
            report = await examine(Server(server.url))
            assert report.server == f"vLLM {version}"
            compare(found, row, server_page.cells(report, ran=False))


async def test_each_other_server(found: dict[str, tuple[str, ...]]) -> None:
    for row, name in OTHERS.items():
        with ContractServer(name) as server:
            report = await examine(Server(server.url))
            compare(found, row, server_page.cells(report, ran=False))


async def test_each_real_server(vllm: VllmServer, found: dict[str, tuple[str, ...]]) -> None:
    report = await examine(Server(vllm.url), vllm.model, extra_body=OBEDIENT)
    (row,) = (row for row, version in REAL.items() if version == vllm.version)

    compare(found, row, server_page.cells(report, ran=True))


@pytest.mark.skipif(server_page.WRITES, reason="the page is being written")
def test_the_page_has_a_row_for_each_server() -> None:
    rows = server_page.read()

    assert tuple(rows) == server_page.ROWS
    assert all("-" not in cells for cells in rows.values())


def test_rows_stay_where_only_others_are_found(tmp_path: Path) -> None:
    page = tmp_path / "servers.md"
    page.write_text("# Words\n\n", encoding="utf-8")
    one, other = ("yes",) * len(server_page.COLUMNS), ("no",) * len(server_page.COLUMNS)

    server_page.write({"Ollama": one}, page)
    server_page.write({"vLLM 0.12": other}, page)

    said = server_page.read(page)
    assert (said["Ollama"], said["vLLM 0.12"]) == (one, other)
    assert page.read_text(encoding="utf-8").startswith("# Words\n\n<!--")
