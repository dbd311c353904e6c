"""Types for texts that are easily taken for one another: they cost nothing, and the type checker keeps them apart."""

from __future__ import annotations

from typing import NewType

Oid = NewType("Oid", str)
"""The id of a git object: 40 hexadecimal digits, or empty where there is none."""
RefName = NewType("RefName", str)
"""A ref in full, such as `refs/heads/main`."""
BranchName = NewType("BranchName", str)
"""A branch as people say it, without `refs/heads/`; empty when detached."""
SessionId = NewType("SessionId", str)
"""The id of a session; empty where there is none."""
NodeId = NewType("NodeId", str)
"""The id of a node."""
RepoPath = NewType("RepoPath", str)
"""A path in the repository, from its root, with `/`."""
