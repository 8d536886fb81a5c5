"""How does a recorded trace become a test? A pytest plugin, which an installed toolrun brings.

    @pytest.mark.trace("refund.jsonl")
    def test_refund(toolrun_session):
        with toolrun_session.sync(tools=[find_order, refund]) as session:
            answer = session.ask("Order 7 came broken.")
        assert_called(answer, "refund", {"order": 7})

`pytest --trace-mode=record` records it, once; after that `pytest` replays it, without a network.
pytest is not a dependency of toolrun: version 8 or later is needed where the plugin is used.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from toolrun.integrations.pytest.marks import trace_files as trace_files
    from toolrun.integrations.pytest.network import NetworkBlocked as NetworkBlocked

__all__ = ["NetworkBlocked", "trace_files"]
_HOMES = {"NetworkBlocked": "network", "trace_files": "marks"}


def __getattr__(name: str) -> Any:
    """Import a public name from its home: the plugin itself is imported at each start of pytest."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
