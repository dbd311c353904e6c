"""What is made ready in the worktree of an attempt before its agent runs: files, a template, a command; by a program of its own."""
