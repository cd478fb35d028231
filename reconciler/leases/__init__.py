"""Leases: what lets one run apply at a time."""
