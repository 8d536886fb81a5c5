"""`toolrun trace export`: a recorded session in another form."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - cyclopts reads it
from typing import Annotated

from cyclopts import Parameter

from toolrun.errors import ConfigError


def export(
    *files: Path,
    tokens: Annotated[
        bool, Parameter(help="The tokens of each turn, one JSON a line: ready for training.")
    ] = False,
) -> int:
    """Write what traces hold to stdout, in another form.

    With --tokens: a line for each turn with the ids that the model read and wrote, which of them it
    wrote, and their log-probabilities where the session asked for them. The session must have been
    sampled by tokens (--via harmony). schemas/token-record.schema.json describes a line.

    Args:
        files: Traces.
        tokens: What to export.
    """
    import msgspec

    from toolrun.trace.tokens import token_records

    if not tokens:
        raise ConfigError("say what to export: toolrun trace export --tokens FILE")
    if not files:
        raise ConfigError("name a trace: toolrun trace export --tokens FILE")
    for file in files:
        if not file.is_file():
            raise ConfigError(f"there is no trace {file}")
    for file in files:
        # All of a file or nothing: half a session would be trained on as if it were one.
        for record in token_records(file):
            print(msgspec.json.encode(record).decode())
    return 0
