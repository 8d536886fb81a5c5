"""What runs in the process of `inside.py`? Functions, by name, with a vLLM at hand.

Usage: PACKAGES MODEL. A line of stdin is `["MODULE:FUNCTION", {ARGUMENTS}]`, a line of stdout
`{"value": ...}` or `{"error": TRACEBACK}`; all that is printed meanwhile goes to stderr.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from toolrun.models.harmony.in_process import BatchSampler, EngineSampler

_OPTIONS: Final[dict[str, Any]] = {
    "served_model_name": "openai/gpt-oss-20b",
    "max_model_len": 8192,
    "enforce_eager": True,
    "dtype": "bfloat16",
    "distributed_executor_backend": "uni",
    "logits_processors": ["tests.rig.scripted:Scripted"],
}
"""As `server.py` has them."""


class Rigged:
    """What a function gets: the tiny model in vLLM, in this process, started at first use.

    Attributes:
        model: its folder.
        options: what vLLM has to be started with.
    """

    def __init__(self, model: str) -> None:
        self.model = model
        self.options = _OPTIONS
        self._engine: EngineSampler | None = None
        self._batch: BatchSampler | None = None

    @property
    def engine(self) -> EngineSampler:
        """A sampler over `AsyncLLM`; its engine is `engine._engine`."""
        from toolrun.models.harmony.in_process import EngineSampler

        if self._engine is None:
            self._engine = EngineSampler.start(self.model, **self.options)
        return self._engine

    @property
    def batch(self) -> BatchSampler:
        """A sampler over `LLM`; it is `batch._llm`."""
        from toolrun.models.harmony.in_process import BatchSampler

        if self._batch is None:
            self._batch = BatchSampler.start(self.model, **self.options)
        return self._batch

    async def aclose(self) -> None:
        for sampler in (self._engine, self._batch):
            if sampler is not None:
                await sampler.aclose()


async def start(rigged: Rigged) -> None:
    """Start both engines, so that no test's time-out counts it."""
    _ = rigged.engine, rigged.batch


async def serve(rigged: Rigged, replies: Any) -> None:
    """Answer lines until there are no more."""
    import anyio

    while line := await anyio.to_thread.run_sync(sys.stdin.readline):
        name, arguments = json.loads(line)
        module, _, function = name.partition(":")
        try:
            value = await getattr(import_module(module), function)(rigged, **arguments)
            reply = json.dumps({"value": value})
        except Exception:  # noqa: BLE001 - the asker raises it
            reply = json.dumps({"error": traceback.format_exc()})
        print(reply, file=replies, flush=True)
    await rigged.aclose()


def main() -> None:
    packages, model = sys.argv[1:]
    sys.path.append(packages)  # at the end: vLLM's own versions win
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # vLLM logs there
    import anyio

    anyio.run(serve, Rigged(model), replies)


if __name__ == "__main__":  # vLLM's processes import it again
    main()
