"""A command that works as a session, from its worktree to what it leaves."""
