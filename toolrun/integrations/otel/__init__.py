"""How do a service's spans and metrics tell of sessions? A sink for OpenTelemetry.

`Runtime(..., sinks=[OpenTelemetry()])`; the names are those of the GenAI semantic conventions, see
docs/reference/telemetry.md. Needs toolrun[otel]; the SDK and its exporters are the service's own.
"""

from __future__ import annotations

from toolrun.extras import need

need("opentelemetry.trace", "otel", "OpenTelemetry")

from toolrun.integrations.otel.sink import OpenTelemetry  # noqa: E402 - after the check

__all__ = ["OpenTelemetry"]
