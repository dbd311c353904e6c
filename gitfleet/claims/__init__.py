"""Who may change which paths."""
