"""What GitLab shows: one note on a merge request, and the counts of a plan."""
