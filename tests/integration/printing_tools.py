"""A tool that prints while it runs: a sandbox imports it from this file."""

from __future__ import annotations

import sys
import time


def tell(word: str) -> str:
    """Say a word, and say it again."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()
    time.sleep(0.05)
    sys.stderr.write(f"{word} again\n")
    sys.stderr.flush()
    return word
