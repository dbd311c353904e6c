"""What coding agents call before they edit, and when they start and end."""
