"""Write the vocabulary o200k_base as a tiktoken file, checked. Usage: FILE SHA256.

Runs in the rig's own environment, with quicktok-v1 on the path: that package carries the
vocabulary, so nothing is downloaded from elsewhere.
"""

from __future__ import annotations

import base64
import hashlib
import sys
from pathlib import Path

import quicktok

_ORDINARY_TOKENS = 199_998


def main() -> None:
    target, expected = Path(sys.argv[1]), sys.argv[2]
    encoding = quicktok.get_encoding("o200k_base")
    body = b"".join(
        base64.b64encode(encoding.decode_single_token_bytes(rank)) + b" %d\n" % rank
        for rank in range(_ORDINARY_TOKENS)
    )
    found = hashlib.sha256(body).hexdigest()
    if found != expected:
        sys.exit(f"the vocabulary's sha256 is {found}, not {expected}")
    target.write_bytes(body)


if __name__ == "__main__":
    main()
