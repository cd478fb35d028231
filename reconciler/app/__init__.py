"""What the commands do, in terms of ports."""
