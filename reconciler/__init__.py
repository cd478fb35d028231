"""Manages the API keys of LLM gateways from declarations in Git."""
