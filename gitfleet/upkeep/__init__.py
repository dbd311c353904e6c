"""What is done regularly for a clone: its exchange with the hub, its dead sessions, its worktrees, its claims."""
