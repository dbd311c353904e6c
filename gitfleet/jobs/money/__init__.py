"""What agents use, what that costs as far as it is known, and budgets."""
