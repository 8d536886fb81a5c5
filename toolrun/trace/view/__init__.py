"""How does a person look at a trace? As one HTML page that needs nothing else."""
