"""`python pack.py jsonschema-X.Y.Z.tar.gz`: makes `draft2020-12.json.xz` anew from an sdist."""

from __future__ import annotations

import json
import lzma
import sys
import tarfile
from pathlib import Path

HERE = Path(__file__).parent


def pack(sdist: Path) -> None:
    """Take the tests of draft 2020-12 and the remote schemas, one JSON text for all of them."""
    tests, remotes = {}, {}
    with tarfile.open(sdist) as archive:
        for member in sorted(archive.getmembers(), key=lambda each: each.name):
            _, _, path = member.name.partition("/json/")
            file = archive.extractfile(member)
            if file is None:
                continue
            if path == "LICENSE":
                (HERE / "LICENSE").write_bytes(file.read())
            elif path.startswith("tests/draft2020-12/"):
                tests[path.removeprefix("tests/draft2020-12/")] = json.load(file)
            elif path.startswith("remotes/"):
                remotes[path.removeprefix("remotes/")] = json.load(file)
    text = json.dumps({"source": sdist.name, "tests": tests, "remotes": remotes})
    (HERE / "draft2020-12.json.xz").write_bytes(lzma.compress(text.encode(), preset=9))


if __name__ == "__main__":
    pack(Path(sys.argv[1]))
