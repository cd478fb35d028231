"""The audit trail: evidence of what was done, for people."""
