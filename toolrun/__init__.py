"""Function calling with gpt-oss on vLLM: the reasoning survives, the tools run in a sandbox."""
