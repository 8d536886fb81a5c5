"""What of the built-in tools runs in a box? All that touches what strangers wrote."""
