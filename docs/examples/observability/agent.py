"""An agent whose metrics Prometheus scrapes, and whose spans go to stderr, or to a collector.

    pip install 'toolrun[otel]' opentelemetry-sdk opentelemetry-exporter-prometheus
    python agent.py                       # http://localhost:9464/metrics

Import dashboard.json into Grafana to look at them. See docs/how-to/observe.md.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Literal

from opentelemetry import metrics, trace
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
from prometheus_client import start_http_server

from toolrun import Runtime, tool
from toolrun.integrations.otel import OpenTelemetry


@tool(trusted=True, timeout=5)
async def get_weather(city: str, unit: Literal["C", "F"] = "C") -> str:
    """Tell how warm it is in a city."""
    return f"20 degrees {unit} in {city}"


def set_up(service: str) -> None:
    """Set OpenTelemetry's SDK up: a service does this once, whatever else it instruments."""
    resource = Resource.create({"service.name": service})
    metrics.set_meter_provider(MeterProvider([PrometheusMetricReader()], resource))
    tracers = TracerProvider(resource=resource)
    # OTLPSpanExporter() of opentelemetry-exporter-otlp sends them to a collector instead.
    tracers.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter(out=sys.stderr)))
    trace.set_tracer_provider(tracers)


async def serve(questions: list[str]) -> None:
    """Answer questions, each in a session of its own."""
    async with Runtime(
        base_url=os.environ.get("TOOLRUN_BASE_URL", "http://localhost:8000/v1"),
        model=os.environ.get("TOOLRUN_MODEL", "openai/gpt-oss-20b"),
        tools=[get_weather],
        sinks=[OpenTelemetry(agent="weather")],
    ) as runtime:
        for question in questions:
            async with runtime.session() as session:
                print((await session.ask(question)).text)


if __name__ == "__main__":
    set_up("weather-agent")
    start_http_server(int(os.environ.get("METRICS_PORT", "9464")))
    asyncio.run(serve(sys.argv[1:] or ["How warm is it in Paris?"]))
