"""Jobs that any node may run: offered and taken through the fleet's ledger, and run here like any other."""
