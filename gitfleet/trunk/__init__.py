"""The trunk: where it stands, the rules there, what has landed on it, and what keeps claims until then."""
