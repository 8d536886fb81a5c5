"""Tests of toolrun: `rig/` brings up what they talk to."""
