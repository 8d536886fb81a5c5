"""Which agents do errands that need the reasoning of their first step, on a real vLLM?

`python -m tests.rig.nano.frameworks [--count N] [--only SCRIPT ...] [--write]`: a vLLM serves the
embedded model, and each client runs the same errands as a whole agent, with real tools. Its own
prompts, its own loop; what it sends is looked at, and changed in the row alone that says so.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from tests.integration.serving import Served
from tests.rig.clients import install_clients
from tests.rig.nano.between import listening
from tests.rig.nano.errand_page import row, table, write
from tests.rig.nano.errands import KINDS, judged, make
from tests.rig.server import VllmServer
from toolrun.embedded import NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.rig.clients import Clients
    from tests.rig.nano.errand_page import Row
    from tests.rig.nano.errands import Errand

TEMPERATURE: Final = 0.0
_SECONDS: Final = 1800.0


class Client(Struct, frozen=True):
    """A way to run an errand.

    Attributes:
        name: as the table has it.
        script: of `tests/integration/clients`.
        how: its further word.
        drops: whether the reasoning is taken out of what it sends.
        served: whether `toolrun serve` stands between it and the server.
    """

    name: str
    script: str
    how: tuple[str, ...] = ()
    drops: bool = False
    served: bool = False


CLIENTS: Final = (
    Client("toolrun `Session`", "toolrun_errands.py"),
    Client(
        "toolrun `Session`, the reasoning taken out on the way", "toolrun_errands.py", drops=True
    ),
    Client("a loop that appends the reply's message", "openai_errands.py", ("appended",)),
    Client("a loop that appends its content and calls", "openai_errands.py", ("rebuilt",)),
    Client("OpenAI Agents SDK, Chat Completions", "agents_sdk_errands.py"),
    Client("LangChain `create_agent`", "langchain_errands.py"),
    Client("LangChain through `toolrun serve`", "langchain_errands.py", served=True),
    Client("smolagents `ToolCallingAgent`", "smolagents_errands.py"),
    Client("smolagents through `toolrun serve`", "smolagents_errands.py", served=True),
)


def measured(client: Client, errands: Sequence[Errand], root: str, clients: Clients) -> Row:
    """Have a client run errands, and count what became of them."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="toolrun-rig-")))
        url, heard = stack.enter_context(listening(root, drops=client.drops))
        if client.served:
            url = stack.enter_context(Served(folder, url, "--model", NAME)).url
        file = folder / "errands.json"
        file.write_bytes(msgspec.json.encode(errands))
        words = (url, NAME, str(TEMPERATURE), str(file), *client.how)
        said: dict[str, Any] = clients.run(client.script, *words, seconds=_SECONDS)
    verdicts = [
        judged(errand, [each for each in heard if errand.user in each.user]) for errand in errands
    ]
    return row(client.name, said["versions"], zip(errands, verdicts, strict=True))


@contextlib.contextmanager
def _server(url: str) -> Iterator[str]:
    """The root of a vLLM that serves the embedded model: one that runs, or one of its own."""
    if url:
        yield url.rstrip("/").removesuffix("/v1")
        return
    with VllmServer(nano=True, progress=_say) as server:
        yield server.root


def _say(line: str) -> None:
    print(line, flush=True)


def main() -> None:
    """Measure, print, and write where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=60, help="errands of each kind")
    parser.add_argument("--url", default="", help="of a server that runs already, serving it")
    parser.add_argument("--write", action="store_true", help="write the table into the pages")
    parser.add_argument(
        "--only", nargs="+", default=[""], help="clients whose script's name begins so"
    )
    options = parser.parse_args()
    clients = install_clients(_say)
    errands = [errand for kind in KINDS for errand in make(kind, options.count)]
    some = [each for each in CLIENTS if each.script.startswith(tuple(options.only))]
    begin = time.monotonic()

    def one(client: Client) -> Row:
        found = measured(client, errands, root, clients)
        _say(f"{time.monotonic() - begin:.0f} s: {' | '.join(found.cells())}")
        return found

    # All at once: the server's time goes by the number of steps, hardly by how many it samples.
    with _server(options.url) as root, ThreadPoolExecutor(len(some)) as pool:
        rows = list(pool.map(one, some))
    _say(f"{len(some) * len(errands)} errands in {time.monotonic() - begin:.0f} s")
    _say(f"\n{table(each.cells() for each in rows)}")
    if options.write:
        write(rows, [each.name for each in CLIENTS])


if __name__ == "__main__":
    main()
