"""The client of the Agent Client Protocol, against agents that are programs."""
