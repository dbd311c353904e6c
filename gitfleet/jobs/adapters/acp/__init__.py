"""Any agent that speaks the Agent Client Protocol, version 1, on its standard input and output: we are its client."""
