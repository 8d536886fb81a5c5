"""What do the tests talk to? A real `vllm serve` on a CPU, whose model says what a test wants.

`README.md` says how to use it and what was found with it.
"""
