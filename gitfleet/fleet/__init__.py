"""A fleet as one object, how a clone joins it, and what it looks like as a whole."""
