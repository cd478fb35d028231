"""A simulator of the vendors' key-management APIs, on loopback, kept in SQLite."""
