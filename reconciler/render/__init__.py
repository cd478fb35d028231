"""Plans and reports as text; nothing here prints."""
