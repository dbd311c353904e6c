"""What coding agents call as tools, over the Model Context Protocol: claims, the queue, messages. One small process per agent."""
