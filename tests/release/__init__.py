"""How is a release made? `make dist`, `make dist-check` and the workflow that publishes use it."""
