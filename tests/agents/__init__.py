"""Scenarios that run the real coding agents, at pinned versions, against scripted models: `make test-agents`.

No part of `make test`: the clients are fetched from npm. What they were heard to say is replayed there (`captures/`).
"""
