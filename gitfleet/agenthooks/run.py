"""What an agent's hooks start: `python -I -S run.py AGENT EVENT`, and again with `--full` where more is needed.

Events: `edit` (before the agent edits), `after` (a shell command), `begin`, `end` (of the agent's own session). What the agent has to say comes
as JSON on standard input; what it shall do goes out as JSON. Started without site packages, as the git hooks are; what needs them in any case takes them up in the same process.
"""

import sys

sys.path.insert(0, __file__.rsplit("/", 3)[0])

if __name__ == "__main__":
    if sys.argv[1] == "--full":
        from gitfleet.agenthooks import full_hook

        sys.exit(full_hook.main(sys.argv[2:]))
    if sys.argv[2] == "edit":
        from gitfleet.agenthooks import fast_edit

        sys.exit(fast_edit.main(sys.argv[1:]))
    if sys.argv[2] == "after":
        from gitfleet.agenthooks import stopped_git

        sys.exit(stopped_git.main(sys.argv[1]))
    import site

    site.main()
    from gitfleet.agenthooks import full_hook

    sys.exit(full_hook.main(sys.argv[1:]))
