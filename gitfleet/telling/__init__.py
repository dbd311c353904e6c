"""What a session is told beside its answer."""
