"""One attempt of an agent: its place, its session and claims, its start, and what is made of its end."""
