"""How do other people's systems plug in? A package or module for each, each with its extra."""
