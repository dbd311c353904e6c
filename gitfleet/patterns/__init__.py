"""Path patterns: their language, what they match, and whether two can meet in a path."""
