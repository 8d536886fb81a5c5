"""Which tests are too long for every run?"""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "load: thousands of turns; runs where -m names it")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "load" not in config.getoption("markexpr"):
        for item in items:
            if item.get_closest_marker("load") is not None:
                item.add_marker(pytest.mark.skip(reason="long; `pytest -m load` runs it"))
