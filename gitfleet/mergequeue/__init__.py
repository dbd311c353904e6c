"""The merge queue: branches that wait to land on the trunk, and the one push that lands them."""
