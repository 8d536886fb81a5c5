"""What runs inside a box? The shim and its parts: standard library only, sent in compiled."""
