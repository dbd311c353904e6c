"""Jobs that have ended, for the other nodes: their records and streams, packed, brought to the hub, and read elsewhere."""
