"""Work sources: where tasks come from, and what they are told of what became of them."""
