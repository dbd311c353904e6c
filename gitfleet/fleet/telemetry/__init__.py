"""What a fleet tells of itself to those who watch it: metrics, and a report of a fault."""
