"""How do other programs reach sessions over HTTP? Needs toolrun[serve]."""
