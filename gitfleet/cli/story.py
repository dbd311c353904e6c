"""What the demonstration plays: two agents on two clones, the commands they run, and how each must end.

Data only, in the order of play. `stage` runs it for real, `demo` shows it. A command that ends in another way than
written here stops the play, so this is also a test of the main job that everybody can run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gitfleet.git import fleetrefs

ADA, BEN, HUB = "ada", "ben", "hub.git"
PEOPLE = {ADA: "Ada", BEN: "Ben"}

FILES = {
    "README.md": "# A language\n",
    "docs/guide.md": "# Guide\n",
    "src/lexer.py": "def lex(text):\n    return text.split()\n",
    "src/parser.py": "def parse(words):\n    return list(words)\n",
}


@dataclass(frozen=True, slots=True)
class Command:
    """One command, as a reader would type it in the folder `where`, and how it must end.

    `words` must stand in what it says. `writes` (path to text) is appended to files of that folder before it runs.
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
    commands: tuple[Command, ...]


def _ada(*argv: str, code: int = 0, words: str = "", writes: Mapping[str, str] | None = None) -> Command:
    return Command(ADA, argv, code, words, writes or {})


def _ben(*argv: str, code: int = 0, words: str = "", writes: Mapping[str, str] | None = None) -> Command:
    return Command(BEN, argv, code, words, writes or {})


SCENES = (
    Scene(
        "A bare repository is the hub. Two clones of it, ada and ben, stand for two machines.",
        (
            Command(".", ("git", "clone", "--quiet", HUB, ADA)),
            Command(".", ("git", "clone", "--quiet", HUB, BEN)),
        ),
    ),
    Scene(
        "Each clone joins the fleet: the hub is tried, the ledger is begun, and the hooks are put in.",
        (
            _ada("gitfleet", "init", words="joins the fleet"),
            _ben("gitfleet", "init", words="joins the fleet"),
        ),
    ),
    Scene(
        "An agent starts in each clone and says who it is.",
        (
            _ada("gitfleet", "session", "start", "--id", "codex-1", "--agent", "codex", "--title", "rewrite the parser"),
            _ben("gitfleet", "session", "start", "--id", "claude-1", "--agent", "claude", "--title", "speed up the lexer"),
        ),
    ),
    Scene(
        "codex-1 claims a file and a directory before it changes anything there.",
        (_ada("gitfleet", "claim", "src/parser.py", "docs/", words="claimed: docs/"),),
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
        "So it takes other work: it claims what is free, commits and pushes.",
        (
            _ben("gitfleet", "claim", "src/lexer.py", words="claimed: src/lexer.py"),
            _ben(
                "git", "commit", "--quiet", "--all", "-m", "Note what is slow in the lexer",
                writes={"src/lexer.py": "# TODO: do not copy the text\n"},
            ),
            _ben("git", "push", "--quiet"),
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
        "It is done with the file and releases it. Now claude-1's claim goes through.",
        (
            _ada("gitfleet", "release", "src/parser.py", words="released: src/parser.py"),
            _ben("gitfleet", "claim", "src/parser.py", words="claimed: src/parser.py"),
        ),
    ),
    Scene(
        "After a sync both clones stand at the same ledger commit, and so see the same claims.",
        (
            _ada("gitfleet", "sync"),
            _ada("git", "rev-parse", fleetrefs.COORD),
            Command(BEN, ("git", "rev-parse", fleetrefs.COORD), agrees=True),
            Command(HUB, ("git", "rev-parse", fleetrefs.COORD), agrees=True),
            _ada("gitfleet", "claims", words="claude-1"),
            _ben("gitfleet", "claims", words="codex-1"),
        ),
    ),
    Scene(
        "The whole fleet as one of its clones sees it.",
        (_ada("gitfleet", "status", words="codex-1"),),
    ),
    Scene(
        "Everything that was agreed is in the log, and every step of it can be verified.",
        (
            _ben("gitfleet", "log", words="codex-1 releases src/parser.py"),
            _ben("gitfleet", "fsck", words="verify"),
        ),
    ),
)  # fmt: skip

TRY = (
    ("gitfleet claim src/parser.py", "refused: claude-1 holds it now"),
    ("gitfleet check docs/guide.md src/parser.py README.md", "mine, theirs, free"),
    ("echo mine >> src/parser.py; git commit -a -m x", "stopped by the hook"),
    ("gitfleet log src/parser.py", "who had it, and when"),
    (f"git log {fleetrefs.COORD}", "the same ledger, with plain git"),
    ("gitfleet doctor", "is everything in order?"),
)
"""What to try afterwards in ada's clone, each with what it shows."""
