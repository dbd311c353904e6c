"""A gate as a hook of the pre-commit framework: what that tells by its environment, told as git does.

`.pre-commit-hooks.yaml` starts this as `python -I -m gitfleet.githooks.framework HOOK [FILE]`. The framework keeps what
git said to itself: the source of a message and the refs of a push come in PRE_COMMIT_… variables. It takes one ref of a
push only; gitfleet's own hook, which `gitfleet init` puts in, sees them all.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from gitfleet.githooks import fast_commit, fast_push

HOOKS = ("pre-commit", "prepare-commit-msg", "commit-msg", "pre-push")


def main(arguments: Sequence[str]) -> int:
    """Answer one hook; 2 for a name that is none of HOOKS."""
    if not arguments or arguments[0] not in HOOKS:
        sys.stderr.write(f"gitfleet: one of {', '.join(HOOKS)} was expected\n")
        return 2
    hook, *rest = arguments
    if hook == "prepare-commit-msg":
        rest = [*rest[:1], *source(os.environ)]
    if hook == "pre-push":
        rest = [os.environ.get("PRE_COMMIT_REMOTE_NAME", ""), os.environ.get("PRE_COMMIT_REMOTE_URL", "")]
        _say(update(os.environ))
        return fast_push.main([hook, *rest])
    return fast_commit.main([hook, *rest])


def source(environment: Mapping[str, str]) -> list[str]:
    """Where a commit message comes from, as git's further arguments of `prepare-commit-msg`."""
    words = [environment.get(f"PRE_COMMIT_COMMIT_{name}", "") for name in ("MSG_SOURCE", "OBJECT_NAME")]
    return [word for word in words if word]


def update(environment: Mapping[str, str]) -> str:
    """The one update that the framework tells of, as a line of git's to `pre-push`; nothing where it tells of none."""
    new, ref = environment.get("PRE_COMMIT_TO_REF", ""), environment.get("PRE_COMMIT_REMOTE_BRANCH", "")
    if not new or not ref:
        return ""
    from gitfleet.git.refs import ZERO  # 30 ms with what it imports, and only a push needs it

    local = environment.get("PRE_COMMIT_LOCAL_BRANCH", "") or new
    return f"{local} {new} {ref} {environment.get('PRE_COMMIT_FROM_REF', '') or ZERO}\n"


def _say(line: str) -> None:
    """Put a line where the gate reads what git says."""
    there, here = os.pipe()
    os.write(here, os.fsencode(line))
    os.close(here)
    os.dup2(there, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
