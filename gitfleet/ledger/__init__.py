"""What the fleet has agreed: a chain of commits, each made of operations that were decided by compare-and-swap."""
