"""Which attacks are there? A table for each kind; `catalogue.py` puts them together."""
