"""The quick way to yes: everything that is staged is claimed by this session, and its lease holds.

Standard library only, little of it, no network, some 15 ms. It only ever says yes; whatever is unclear (another
holder, an old lease, no session, an offline claim, a message for the session) goes to `full_gate`, which can explain.
What it has found out it leaves in a permit, by which a shell answers for the hooks that follow.
"""

from __future__ import annotations

from gitfleet.githooks import coverage
from gitfleet.githooks.acting_session import session_here
from gitfleet.githooks.catfile import DIFF, ask
from gitfleet.githooks.gitdirs import here
from gitfleet.githooks.handover import hand_over

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gitfleet.githooks.coverage import Cover

QUICK = frozenset(["pre-commit", "prepare-commit-msg", "commit-msg"])
RULES = b"gitfleet.yaml"  # what is wrong in it the full gate says, when it is committed


def main(arguments: list[str]) -> int:
    """Answer one hook: 0, or what the full gate says."""
    if arguments[0] in QUICK:
        try:
            if quick(arguments):
                return 0
        except Exception:  # noqa: BLE001, S110 - a doubt of whatever kind is for the full gate, which names it
            pass
    return hand_over(arguments)


def quick(arguments: list[str]) -> bool:
    """Whether the answer is a certain yes. For `prepare-commit-msg` the trailers are then added."""
    hook, *rest = arguments
    if hook != "pre-commit":
        from gitfleet.githooks import signature  # of no use to the other hook

        if hook == "commit-msg":
            return signature.written(rest[0])
        signature.forget()
    git_dir, common_dir = here()
    session = session_here(git_dir, common_dir)
    changed: list[bytes] = []

    def paths() -> list[bytes]:
        changed.extend(staged())
        return changed

    cover = coverage.covered(git_dir, common_dir, session, paths)
    if session is None or cover is None or (RULES in changed and hook == "pre-commit"):
        return False
    if hook == "prepare-commit-msg" and not _sign(rest, git_dir, session, cover, staged=bool(changed)):
        return False
    _leave_permit(git_dir, common_dir, session, cover)
    return True


def staged() -> list[bytes]:
    """The paths that the commit would change: old and new names of renames, deletions and modes too."""
    return [path for path in ask(*DIFF, "HEAD", "--").split(b"\0") if path]


def _sign(rest: list[str], git_dir: str, session: str, cover: Cover, *, staged: bool) -> bool:
    """Sign the message, unless this may amend a commit that names more."""
    from gitfleet.githooks import amend, signature  # of no use to the other hooks

    if amend.suspected(rest, git_dir, staged=staged) and amend.amends():
        return False
    signature.sign(rest, session, cover.names())
    return True


def _leave_permit(git_dir: str, common_dir: str, session: str, cover: Cover) -> None:
    from gitfleet.githooks import permit  # a mistake in it costs the answer nothing

    try:  # noqa: SIM105 - what suppresses errors costs an import
        permit.leave(git_dir, common_dir, session, cover)
    except Exception:  # noqa: BLE001, S110 - the next hook asks the gate again
        pass
