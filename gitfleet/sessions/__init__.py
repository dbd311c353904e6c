"""Who is at work, where, and is it alive."""
