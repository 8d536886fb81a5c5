"""`python -m toolrun` is the `toolrun` command."""

from __future__ import annotations

from toolrun.cli import main

if __name__ == "__main__":
    main()
