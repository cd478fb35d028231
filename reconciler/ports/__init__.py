"""The seams: Protocols that adapters fulfil and the application calls."""
