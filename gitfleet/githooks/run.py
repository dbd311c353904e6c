"""What the hook shims start: `python -I -S run.py HOOK [ARG...]`, and again with `--full` where more is needed.

Started without site packages, since finding those costs more than the check. The package lies two folders up.
"""

import sys

sys.path.insert(0, __file__.rsplit("/", 3)[0])

if __name__ == "__main__":
    if sys.argv[1] == "--full":
        from gitfleet.githooks import full_gate

        sys.exit(full_gate.main(sys.argv[2:]))
    if sys.argv[1] == "fetched":
        from gitfleet.trunk import draft

        sys.exit(draft.main(sys.argv[2:]))
    if sys.argv[1] == "reference-transaction":
        from gitfleet.githooks import fast_refs

        sys.exit(fast_refs.main(sys.argv[3]))
    if sys.argv[1] == "pre-push":
        from gitfleet.githooks import fast_push

        sys.exit(fast_push.main(sys.argv[1:]))
    from gitfleet.githooks import fast_commit

    sys.exit(fast_commit.main(sys.argv[1:]))
