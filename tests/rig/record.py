"""How are the moving pictures of the terminal made? `python -m tests.rig.record [NAME ...]`.

Each is a real run: toolrun in a tmux, keys that are pressed one by one, a real vLLM whose model is
scripted (of `TOOLRUN_VLLM_URLS`, else one that is started) or the embedded model, tools in their
sandboxes. Its screens become an SVG in docs/assets/. Not part of CI: look at them, and commit them.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from tests.integration.pane import Pane
from tests.rig import recordings
from tests.rig.fixtures import running_servers
from tests.rig.picture import Frame, draw
from tests.rig.server import VllmServer
from tests.rig.versions import LATEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.rig.recordings import Recording

ASSETS: Final = Path(__file__).parents[2] / "docs" / "assets"
_LARGEST: Final = 400_000
_EVERY_S: Final = 0.1
_STILL_S: Final = 1.5
"""What stands longer is shown for so long: nobody wants to watch a machine that thinks."""
_SHELL: Final = ("bash", "--norc", "--noprofile", "-i")


class Camera:
    """A shell in a terminal, whose screens are kept with their times. See `recordings.Hands`."""

    def __init__(self, pane: Pane) -> None:
        self.pane = pane
        self.frames: list[Frame] = []
        self._draw = random.Random(0)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._ended.set()
        self._thread.join()

    def writes(self, text: str) -> None:
        """Type like a person."""
        for letter in text:
            self.pane.type(letter)
            time.sleep(self._draw.uniform(0.02, 0.07))  # from key to key, as a hand is
        time.sleep(0.4)  # who types looks at it before Enter

    def press(self, *keys: str) -> None:
        self.pane.press(*keys)

    def shows(self, text: str) -> None:
        self.pane.shows(text, 90)

    def looks(self, seconds: float) -> None:
        """Let whoever watches read."""
        time.sleep(seconds)  # the film is for people, who read

    def _look(self) -> None:
        began = time.monotonic()
        while not self._ended.wait(_EVERY_S):
            seen = Frame(time.monotonic() - began, self.pane.painted(), self.pane.cursor())
            last = self.frames[-1] if self.frames else None
            if last is None or (last.painted, last.cursor) != (seen.painted, seen.cursor):
                self.frames.append(seen)


def hurried(frames: list[Frame]) -> list[Frame]:
    """The same screens, none of which stands longer than anybody would look at it."""
    found: list[Frame] = []
    for frame, before in zip(frames, [frames[0], *frames], strict=False):
        at = found[-1].at + min(frame.at - before.at, _STILL_S) if found else 0.0
        found.append(Frame(at, frame.painted, frame.cursor))
    return found


def record(recording: Recording, url: str) -> str:
    """The SVG of one recording, with a server that answers there."""
    with tempfile.TemporaryDirectory(prefix="toolrun-record-") as home:
        folder = Path(home) / recording.folder
        folder.mkdir()
        for each in (Path(home), folder):
            each.chmod(0o777)
        recording.fill(folder)
        env = {
            **recording.settings(url),
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
            "HOME": home,
            "LC_ALL": "C.UTF-8",
            "PS1": r"\[\e[32m\]\W\[\e[0m\] $ ",
            "COLORTERM": "truecolor",
        }
        pane = Pane(
            folder,
            env,
            columns=recording.columns,
            rows=recording.rows,
            term="xterm-256color",
            program=_SHELL,
        )
        try:
            pane.shows(" $")
            with Camera(pane) as camera:
                recording.act(camera)
        finally:
            pane.close()
    frames = hurried(camera.frames)
    if recording.still:
        frames = frames[-1:]
    return draw(frames, recording.columns, recording.rows, recording.title)


@contextmanager
def _server(*, needed: bool) -> Iterator[str]:
    """The base URL of a real vLLM; "" where nothing is asked of one."""
    if not needed:
        yield ""
        return
    if (root := running_servers().get(LATEST)) is not None:
        yield f"{root}/v1"
        return
    with VllmServer(LATEST, progress=print) as server:
        yield server.url


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.rig.record", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(recordings.ALL))
    names = parser.parse_args().names or list(recordings.ALL)
    ASSETS.mkdir(exist_ok=True)
    with _server(needed=any(recordings.ALL[name].says for name in names)) as url:
        for name in names:
            svg = record(recordings.ALL[name], url)
            if len(svg) > _LARGEST:
                sys.exit(f"{name}: {len(svg):,} bytes; make it shorter")
            (ASSETS / f"{name}.svg").write_text(svg)
            print(f"docs/assets/{name}.svg: {len(svg):,} bytes")


if __name__ == "__main__":
    main()
