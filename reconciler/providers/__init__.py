"""One adapter a provider, and the HTTP layer they share."""
