"""The steps, one module each; one that was released is never changed."""
