"""What the programs that we run as agents are told, and what their output means."""
