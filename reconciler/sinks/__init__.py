"""One adapter a kind of sink."""
