"""What the demonstration plays: three agents on two clones, the commands they run, and how each must end.

Data only, in the order of play. `demo_runner` runs it for real, `demo` shows it. A command that ends in another way than
written here stops the play, so this is also a test of the main job that everybody can run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gitfleet.git import fleetrefs

ADA, BEN, HUB = "ada", "ben", "hub.git"
PEOPLE = {ADA: "Ada", BEN: "Ben"}

AGENT = """\
gitfleet session start --id codex-2 --agent codex --title 'write the readme'
gitfleet claim README.md src/lexer.py
echo 'Begin with the guide.' >> README.md
git commit --quiet --all -m 'Tell how to begin'
kill -9 $$
"""
"""The third agent: a script, so that there is a process to be killed."""

RULES = """
queue:
  gate: [sh, test.sh]
"""

TEST = """\
twice=$(grep -h '^def ' src/*.py | sort | uniq -d)
test -z "$twice" || { echo "defined twice: $twice"; exit 1; }
"""

FILES = {
    "README.md": "# A language\n",
    "docs/guide.md": "# Guide\n",
    "src/lexer.py": "def lex(text):\n    return text.split()\n",
    "src/parser.py": "def parse(words):\n    return list(words)\n",
    "test.sh": TEST,
}


@dataclass(frozen=True, slots=True)
class DemoCommand:
    """One command, as a reader would type it in the folder `where`, and how it must end.

    `code` is its exit code, or the negative number of the signal that ends it. `words` must stand in what it says.
    `writes` (path to text) is appended to files, counted from that folder, before it runs.
    `agrees` means that it must say exactly what the command before it said.
    """

    where: str
    argv: tuple[str, ...]
    code: int = 0
    words: str = ""
    writes: Mapping[str, str] = field(default_factory=dict)
    agrees: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """A sentence or two, and the commands that they are about."""

    says: str
    commands: tuple[DemoCommand, ...]


def _ada(*argv: str, code: int = 0, words: str = "", writes: Mapping[str, str] | None = None) -> DemoCommand:
    return DemoCommand(ADA, argv, code, words, writes or {})


def _ben(*argv: str, code: int = 0, words: str = "", writes: Mapping[str, str] | None = None) -> DemoCommand:
    return DemoCommand(BEN, argv, code, words, writes or {})


SCENES = (
    Scene(
        "A bare repository is the hub: what all clones push to. Two clones of it, ada and ben, stand for two machines.",
        (
            DemoCommand(".", ("git", "clone", "--quiet", HUB, ADA)),
            DemoCommand(".", ("git", "clone", "--quiet", HUB, BEN)),
        ),
    ),
    Scene(
        "Each clone joins the fleet and becomes a node of it. gitfleet tests the hub, and starts the ledger there: "
        "the list of all that the fleet agrees on. It puts hooks into the clone, which stop commits and pushes that break a claim.",
        (
            _ada("gitfleet", "init", words="joins the fleet"),
            _ben("gitfleet", "init", words="joins the fleet"),
        ),
    ),
    Scene(
        "A session is one agent, or one person, at work in one worktree. Two agents start, and say who they are.",
        (
            _ada("gitfleet", "session", "start", "--id", "codex-1", "--agent", "codex", "--title", "rewrite the parser"),
            _ben("gitfleet", "session", "start", "--id", "claude-1", "--agent", "claude", "--title", "speed up the lexer"),
        ),
    ),
    Scene(
        "CLAIM: codex-1 claims two files before it changes anything there. The token is the number of the "
        "grant; later grants have higher numbers.",
        (_ada("gitfleet", "claim", "src/parser.py", "docs/guide.md", words="claimed: docs/guide.md"),),
    ),
    Scene(
        "claude-1 asks for the same file and is refused: exit code 10, and the holder's name.",
        (_ben("gitfleet", "claim", "src/parser.py", code=10, words="held by session codex-1"),),
    ),
    Scene(
        "It changes the file all the same. The hook stops the commit, and git ends with 1.",
        (
            _ben(
                "git", "commit", "--quiet", "--all", "-m", "Touch the parser",
                code=1, words="held by session codex-1", writes={"src/parser.py": "# claude-1 was here\n"},
            ),
            _ben("git", "checkout", "--quiet", "--", "src/parser.py"),
        ),
    ),
    Scene(
        "WAIT: it stands in line instead, for a second here. Exit code 11: not yet, but its place in the line is kept.",
        (_ben("gitfleet", "claim", "--wait", "--timeout", "1s", "src/parser.py", code=11, words="still waits for codex-1"),),
    ),
    Scene(
        "Meanwhile it takes other work: it claims what is free, commits and pushes.",
        (
            _ben("gitfleet", "claim", "src/lexer.py", words="claimed: src/lexer.py"),
            _ben(
                "git", "commit", "--quiet", "--all", "-m", "Note what is slow in the lexer",
                writes={"src/lexer.py": "# TODO: do not copy the text\n"},
            ),
            _ben("git", "push", "--quiet"),
            _ben("gitfleet", "release", "src/lexer.py", words="released: src/lexer.py"),
        ),
    ),
    Scene(
        "codex-1 commits what it claimed. The message names its session and the claims that cover the change.",
        (
            _ada(
                "git", "commit", "--quiet", "--all", "-m", "Rewrite the parser",
                writes={"src/parser.py": "\n\ndef parse_all(texts):\n    return [parse(text) for text in texts]\n"},
            ),
            _ada("git", "log", "-1", "--format=%B", words="Fleet-Session: codex-1"),
            _ada("git", "pull", "--quiet", "--rebase"),
            _ada("git", "push", "--quiet"),
        ),
    ),
    Scene(
        "It sees who waits for it, and lets the file go. That gives it to claude-1, who asks again and has it.",
        (
            _ada("gitfleet", "sync"),
            _ada("gitfleet", "waiting", words="claude-1 waits for src/parser.py"),
            _ada("gitfleet", "release", "src/parser.py", words="released: src/parser.py"),
            _ben("gitfleet", "claim", "--wait", "--timeout", "60s", "src/parser.py", words="claimed: src/parser.py"),
        ),
    ),
    Scene(
        "WORKTREES: a third agent is to work beside codex-1, in the same clone. It gets a worktree of its own, with a "
        "branch from the hub's trunk (the branch that the hub's HEAD names).",
        (
            _ada("gitfleet", "worktree", "ensure", "--agent", "codex", "--session", "codex-2", words="new: "),
            _ada("gitfleet", "worktree", "list", words="codex-2"),
        ),
    ),
    Scene(
        "A CRASH: it claims two files and commits a change to one. Then its process is killed, with kill -9.",
        (
            DemoCommand(
                f"{ADA}/.worktrees/codex-2", ("sh", "../../../agent.sh"), code=-9, words="claimed: src/lexer.py",
                writes={"../../../agent.sh": AGENT},
            ),
        ),
    ),
    Scene(
        "Its claims are leases: they expire 45 minutes after the last sign of life of the session. Until then, a "
        "refusal says that the process is gone, and how to free the paths sooner.",
        (_ben("gitfleet", "claim", "src/lexer.py", code=10, words="its process is gone"),),
    ),
    Scene(
        "So somebody ends the dead session; upkeep would do the same. The path that it had not changed is free. Its "
        "commit is not lost: its branch retains the claim on that path until it lands.",
        (
            _ada("gitfleet", "session", "end", "codex-2", words="retained by branch fleet/codex/codex-2"),
            _ben("gitfleet", "claim", "src/lexer.py", words="claimed: src/lexer.py"),
            _ada("git", "log", "--oneline", "-1", "fleet/codex/codex-2", words="Tell how to begin"),
        ),
    ),
    Scene(
        "After a sync both clones stand at the same commit of the ledger, and so see the same claims.",
        (
            _ada("gitfleet", "sync"),
            _ada("git", "rev-parse", fleetrefs.COORD),
            DemoCommand(BEN, ("git", "rev-parse", fleetrefs.COORD), agrees=True),
            DemoCommand(HUB, ("git", "rev-parse", fleetrefs.COORD), agrees=True),
            _ada("gitfleet", "claims", words="claude-1"),
        ),
    ),
    Scene(
        "Who is at work in the whole fleet, as one of its clones sees it.",
        (_ada("gitfleet", "session", "list", words="codex-1"),),
    ),
    Scene(
        "THE QUEUE: what is to land need not be pushed to the trunk by hand. codex-1 lands a rule: the queue tests with "
        "`sh test.sh`, which looks for functions that are defined twice.",
        (
            _ada("git", "add", "gitfleet.yaml", writes={"gitfleet.yaml": RULES}),
            _ada("git", "commit", "--quiet", "-m", "Say what must pass"),
            _ada("git", "push", "--quiet"),
        ),
    ),
    Scene(
        "Three branches wait in line: what codex-2 has left, a page by codex-1, and a new parser by claude-1.",
        (
            _ada("gitfleet", "queue", "add", "--branch", "fleet/codex/codex-2", "--title", "write the readme", words="queued: "),
            _ada("git", "switch", "--quiet", "--create", "guide"),
            _ada(
                "git", "commit", "--quiet", "--all", "-m", "Tell of the parser",
                writes={"docs/guide.md": "parse() makes a list of words.\n"},
            ),
            _ada("gitfleet", "queue", "add", "--branch", "guide", "--title", "tell of the parser", words="queued: "),
            _ben("git", "pull", "--quiet", "--rebase"),
            _ben("git", "switch", "--quiet", "--create", "faster"),
            _ben(
                "git", "commit", "--quiet", "--all", "-m", "Parse faster",
                writes={"src/parser.py": "\n\ndef parse(words):\n    return words\n"},
            ),
            _ben("gitfleet", "queue", "add", "--branch", "faster", "--title", "a faster parser", words="queued: "),
        ),
    ),
    Scene(
        "Any clone may work the queue. It merges in memory, tests exactly what would land, and lands what passes: "
        "two branches. Exit code 21: the third is handed back.",
        (
            _ada("gitfleet", "queue", "process", code=21, words="2 landed, 1 rejected"),
            _ada("git", "log", "--oneline", "--graph", "-5", "origin/main", words="write the readme"),
        ),
    ),
    Scene(
        "claude-1 is told why, and what to do. A new head of its branch is all that it takes to come back.",
        (
            _ben("gitfleet", "sync"),
            _ben("gitfleet", "queue", "why", "faster", words="defined twice: def parse(words):"),
        ),
    ),
    Scene(
        "Everything that was agreed is in the log, and every step of it can be verified.",
        (
            _ben("gitfleet", "log", "--limit", "10", words="guide (tell of the parser) lands on main"),
            _ben("gitfleet", "fsck", words="verify"),
        ),
    ),
)  # fmt: skip

TRY = (
    ("gitfleet claim src/lexer.py", "refused: claude-1 holds it now"),
    ("gitfleet check gitfleet.yaml src/lexer.py src/new.py", "mine, theirs, free"),
    ("gitfleet worktree status", "what codex-2 has left, and where"),
    ("echo mine >> src/lexer.py; git commit -a -m x", "stopped by the hook"),
    ("gitfleet log src/parser.py", "who had it, and when"),
    ("gitfleet queue list", "what came back, and what has landed"),
    (f"git log {fleetrefs.COORD}", "the same ledger, with plain git"),
    ("gitfleet doctor", "is everything in order?"),
)
"""What to try afterwards in ada's clone, each with what it shows."""
