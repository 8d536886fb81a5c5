"""Does what is made arrive where services send it: over OTLP's shape, and at Prometheus' door?"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.rig.mock import Call, MockServer, Step
from tests.unit.otel.collector import Collector
from tests.unit.test_turn import call, session

EXAMPLE: Final = Path(__file__).parents[3] / "docs" / "examples" / "observability" / "agent.py"
_THEN_SCRAPE: Final = """
import asyncio, runpy, sys
agent = runpy.run_path(sys.argv[1])
agent["set_up"]("weather-agent")
asyncio.run(agent["serve"](["How warm is it in Paris?"]))
from prometheus_client import generate_latest
print(generate_latest().decode())
"""


async def test_spans_have_only_values_that_otlp_knows(mock: MockServer) -> None:
    """Texts, numbers, truths and lists of one of them; none empty, none None."""
    collector = Collector()
    mock.script(
        Step("Think.", tool_calls=(call("echo", text="a"), call("nowhere"))),
        Step("", "Done.", fault="http_503", fault_times=1),
    )
    async with session(mock, sinks=[collector.sink(content=True)], tenant="acme") as chat:
        await chat.ask("Go.")

    assert len(collector.ended) == 5
    for span in collector.ended:
        plain = json.loads(span.to_json())
        every = [plain["attributes"], *(each["attributes"] for each in plain["events"])]
        assert plain["resource"]["attributes"]["telemetry.sdk.name"] == "opentelemetry"
        for attributes in every:
            for name, value in attributes.items():
                assert re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", name), name
                kinds = {type(each) for each in value} if isinstance(value, list) else {type(value)}
                assert len(kinds) == 1, name
                assert kinds <= {str, int, float, bool}, name
                assert value not in ("", None), name
        scope = span.instrumentation_scope
        assert scope is not None
        assert (scope.name, scope.schema_url) == (
            "toolrun",
            "https://opentelemetry.io/schemas/1.41.0",
        )


def test_the_example_is_scraped(mock: MockServer, tmp_path: Path) -> None:
    paris = Call("get_weather", '{"city":"Paris","unit":"C"}')
    mock.script(Step("I ask.", tool_calls=(paris,)), Step("", "It is 20 degrees in Paris."))
    env = {"TOOLRUN_BASE_URL": mock.url, "TOOLRUN_MODEL": mock.model, "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-c", _THEN_SCRAPE, str(EXAMPLE)],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert "It is 20 degrees in Paris." in done.stdout
    counted = re.search(
        r'^gen_ai_execute_tool_duration_seconds_count\{.*gen_ai_tool_name="get_weather".*\} 1\.0$',
        done.stdout,
        re.MULTILINE,
    )
    assert counted, done.stdout
    assert re.search(r'"name": "invoke_agent weather"', done.stderr)
