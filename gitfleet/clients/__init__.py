"""What is known of the coding agents that gitfleet works with: one module for the formats of each, at the version tried."""
