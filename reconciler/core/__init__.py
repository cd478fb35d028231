"""The pure part: what is declared, what exists, and the plan between the two."""
