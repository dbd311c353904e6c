"""Managed worktrees: made for sessions, kept up with the base, looked at, and taken away when that loses nothing."""
