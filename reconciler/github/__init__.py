"""What GitHub shows of a plan, and what it proves about a review: comments, checks, issues, annotations."""
