"""A look, cheap enough for every commit, at whether our other scripts still stand where git looks.

Some hook managers install themselves again while one of their hooks runs, and so put our scripts aside for the
next time, without a word. A gate that does run can tell, since they seldom take all: it asks here (a few file
openings, no imports but `os`) and has `install` repair what is missing. What only core.hooksPath tells is left
to `inspection`.
"""

from __future__ import annotations

import os

# A new gate needs a script in `hooks/` and its name here, nothing else.
GATED = ("pre-commit", "prepare-commit-msg", "commit-msg", "pre-push")
# Gates that the fleet's rules switch on; they are put in and looked for only where they are.
OPTIONAL = ("reference-transaction",)
# The gate of a bare repository that is a hub (`hub_hook`); never in a clone.
ON_HUBS = ("pre-receive",)

MARK = b"# gitfleet hook: "
_ENOUGH = 64  # the mark stands in the second line


def displaced(common_dir: str) -> list[str]:
    """The paths in this clone at which a script of ours should stand and does not. Never raises OSError."""
    own = os.path.join(common_dir, "gitfleet", "hooks")
    try:
        folders = [os.path.join(own, slug) for slug in os.listdir(own)]
    except OSError:
        folders = []
    if os.path.join(own, "shared") not in folders:
        folders.append(os.path.join(common_dir, "hooks"))
    paths = [os.path.join(folder, hook) for folder in folders for hook in GATED]
    return [path for path in paths if not (_is_ours(path) or _is_ours(f"{path}.legacy"))]


def _is_ours(path: str) -> bool:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return MARK in os.read(handle, _ENOUGH)
    except OSError:
        return False
    finally:
        os.close(handle)
