"""What do a shell and `man` know of the command line? Files made of its commands, shipped as made.

`python -m toolrun.cli.shells` makes them again: reading all commands takes a second, which no shell
is to wait for when it starts.
"""
