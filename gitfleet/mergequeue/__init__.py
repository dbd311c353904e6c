"""The merge queue: what waits to land, in which order, what would come of it, and how it lands."""
