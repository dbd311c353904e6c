"""The HTTP API: what the command line shows and does, for dashboards and programs. Needs the extra `web`; keeps no state."""
