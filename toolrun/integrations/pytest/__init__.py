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
    from toolrun.integrations.pytest.fixtures import OpenSession as OpenSession
    from toolrun.integrations.pytest.fixtures import RecordedTrace as RecordedTrace
    from toolrun.integrations.pytest.marks import trace_files as trace_files
    from toolrun.integrations.pytest.network import NetworkBlocked as NetworkBlocked

    __all__: list[str]
else:
    from toolrun.exports import offered

    __all__, __getattr__, __dir__ = offered(
        __name__,
        {
            "toolrun.integrations.pytest.fixtures": ("OpenSession", "RecordedTrace"),
            "toolrun.integrations.pytest.marks": ("trace_files",),
            "toolrun.integrations.pytest.network": ("NetworkBlocked",),
        },
    )
