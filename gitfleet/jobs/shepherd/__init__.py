"""The program that watches over one attempt: it starts the agent, keeps its limits and its stream, and says how it ended."""
