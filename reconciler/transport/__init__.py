"""HTTP as every adapter needs it: allowed addresses, deadlines, size limits, closed bodies, plain errors."""
