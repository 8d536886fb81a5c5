"""`python -m toolrun.cli` is `toolrun`."""

from toolrun.cli import main

main()
