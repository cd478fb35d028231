"""One module a command, each with its `command`; imported only when it runs."""
