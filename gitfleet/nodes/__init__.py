"""What each node tells of itself and of its sessions, and how the others are watched."""
