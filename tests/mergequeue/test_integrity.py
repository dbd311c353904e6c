"""What a candidate would take away from the target: lines that vanish, commits that are undone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gitfleet.git.merge_rules import PLAIN
from gitfleet.git.program import Git as GitProgram
from gitfleet.git.quarantine import Merged, quarantine
from gitfleet.mergequeue import integrity
from gitfleet.mergequeue.commit_changes import Past
from gitfleet.mergequeue.integrity import TakenAway
from tests.mergequeue.branches import edited
from tests.workbench import Git

Branch = Callable[..., str]


def lost(target: Path, git: Git, name: str = "work", *, tree: str = "", below: str = "") -> TakenAway:
    """What the merge of a branch into main would lose; `tree` stands for another outcome of it, as of a driver."""
    made = tree or git(target, "merge-tree", "--write-tree", "main", name).split("\n")[0]
    commit = git(target, "commit-tree", "-p", "main", "-p", name, "-m", "candidate", made)
    program = GitProgram(str(target / ".git"))
    main, head = git(target, "rev-parse", "main"), git(target, "rev-parse", name)
    with quarantine(program, PLAIN) as place:
        plain = place.merge(main, head)
        is_plain = isinstance(plain, Merged) and plain.tree == made
        without = [main, below] if below else [main]
        return integrity.losses(place, Past(place.git), main, commit, head, without=without, plain=is_plain)


def merged(target: Path, git: Git, name: str, files: dict[str, str] | None, *how: str) -> None:
    """Merge main into a branch; `files` is how conflicts are resolved."""
    git(target, "checkout", "--quiet", name)
    ran = git.ask(target, "merge", "--quiet", "--no-edit", *how, "main")
    if files is not None:
        assert ran.returncode == 1
        resolve(target, git, files)
    git(target, "checkout", "--quiet", "main")


def resolve(target: Path, git: Git, files: dict[str, str]) -> None:
    for name, text in files.items():
        (target / name).write_text(text)
    git(target, "add", "--all")
    git(target, "commit", "--quiet", "-m", "merge")


def test_own_change_and_own_deletion_lose_nothing(target: Path, branch: Branch, git: Git) -> None:
    branch("work", {"long.txt": edited({3: "three", 7: ""}), "new.txt": "new\n"})
    git.commit(target, {"long.txt": edited({15: "fifteen"})}, "on main")
    assert not lost(target, git)


def test_file_that_the_branch_renames_takes_the_targets_change_along(
    target: Path, branch: Branch, git: Git
) -> None:
    branch("work", {"long.txt": edited({3: "three"})})
    git(target, "checkout", "--quiet", "work")
    git(target, "mv", "long.txt", "moved.txt")
    git(target, "commit", "--quiet", "-m", "move")
    git(target, "checkout", "--quiet", "main")
    git.commit(target, {"long.txt": edited({15: "fifteen"})}, "on main")
    assert not lost(target, git)


@pytest.mark.parametrize("how", [("--strategy=ours",), ("--strategy-option=ours",)])
def test_merge_in_the_branch_that_drops_the_targets_side_is_told(
    how: tuple[str], target: Path, branch: Branch, git: Git
) -> None:
    branch("work", {"long.txt": edited({3: "mine"})})
    git.commit(target, {"long.txt": edited({3: "theirs"})}, "on main")
    merged(target, git, "work", None, *how)
    found = lost(target, git).vanished
    assert [(one.path, one.lines, one.sample) for one in found] == [("long.txt", 1, ("theirs",))]


def test_resolution_that_holds_both_sides_loses_nothing(target: Path, branch: Branch, git: Git) -> None:
    branch("work", {"long.txt": edited({3: "mine"})})
    git.commit(target, {"long.txt": edited({3: "theirs"})}, "on main")
    merged(target, git, "work", {"long.txt": edited({3: "mine and theirs"})})
    assert not lost(target, git)


def test_whole_file_taken_from_one_side_is_told_of_the_other_hunks(
    target: Path, branch: Branch, git: Git
) -> None:
    branch("work", {"long.txt": edited({3: "mine"})})
    git.commit(target, {"long.txt": edited({3: "theirs", 15: "fifteen"}), "added.txt": "added\n"}, "on main")
    merged(target, git, "work", {"long.txt": edited({3: "mine and theirs"})})
    found = lost(target, git).vanished
    assert [(one.path, one.sample) for one in found] == [("long.txt", ("fifteen",))]


def test_resolution_that_puts_both_sides_on_one_line_or_begins_with_new_ones_loses_nothing(
    target: Path, branch: Branch, git: Git
) -> None:
    git.commit(target, {"code.py": "import a, b\n\nrun(a)\n"}, "code")
    branch(
        "work",
        {"code.py": "import a, b, mine, theirs\n\nrun(a)\n", "long.txt": edited({3: "x = 1", 4: "mine"})},
    )
    git.commit(
        target,
        {"code.py": "import a, b, theirs\n\nrun(a)\n", "long.txt": edited({3: "y = 1", 4: "theirs"})},
        "on main",
    )
    files = {
        "code.py": "import a, b, mine, theirs\n\nrun(a)\n",
        "long.txt": edited({3: "z = 1  # as of both", 4: "mine"}),
    }
    merged(target, git, "work", files)
    assert not lost(target, git)


def test_refactoring_with_renames_and_moved_blocks_loses_nothing(
    target: Path, branch: Branch, git: Git
) -> None:
    text = {
        f"part{n}.py": "".join(f"def f{n}_{row}():\n    return {row}\n" for row in range(30))
        for n in range(6)
    }
    git.commit(target, text, "parts")
    git(target, "checkout", "--quiet", "-b", "work")
    for n in range(6):
        git(target, "mv", f"part{n}.py", f"renamed{n}.py")
    git(target, "commit", "--quiet", "-m", "rename")
    moved = text["part0.py"].split("def f0_20")
    git.commit(
        target,
        {
            "renamed0.py": moved[0],
            "renamed1.py": text["part1.py"] + "def f0_20" + "def f0_20".join(moved[1:]),
        },
        "move a block",
    )
    git(target, "checkout", "--quiet", "main")
    git.commit(target, {"part2.py": text["part2.py"].replace("return 7", "return 700")}, "on main")
    git(target, "checkout", "--quiet", "work")
    git(target, "merge", "--quiet", "--no-edit", "main")
    git(target, "checkout", "--quiet", "main")
    git.commit(target, {"part3.py": text["part3.py"].replace("return 8", "return 800")}, "later on main")
    assert not lost(target, git)


def test_generated_file_that_is_made_anew_in_a_merge_loses_nothing(
    target: Path, branch: Branch, git: Git
) -> None:
    def made(*names: str) -> str:
        return "".join(f"entry {name} sum {hash(names) & 0xFFFF:04x}\n" for name in names)

    git.commit(target, {"table.txt": made("a", "b")}, "table")
    branch("work", {"table.txt": made("a", "b", "mine")})
    git.commit(target, {"table.txt": made("a", "b", "theirs")}, "on main")
    merged(target, git, "work", {"table.txt": made("a", "b", "mine", "theirs")})
    assert not lost(target, git)


def test_second_merge_does_not_make_the_resolution_of_the_first_one_a_loss(
    target: Path, branch: Branch, git: Git
) -> None:
    branch("work", {"long.txt": edited({3: "mine"})})
    git.commit(target, {"long.txt": edited({3: "theirs"})}, "on main")
    merged(target, git, "work", {"long.txt": edited({3: "mine and theirs"})})
    git.commit(target, {"long.txt": edited({3: "theirs", 15: "fifteen"})}, "later on main")
    merged(target, git, "work", None)
    assert not lost(target, git)


def test_duplicate_that_a_merge_takes_out_is_no_loss(target: Path, branch: Branch, git: Git) -> None:
    branch("work", {"other.txt": "mine\n"})
    git.commit(target, {"long.txt": edited({}) + "twice\ntwice\n"}, "on main")
    git(target, "checkout", "--quiet", "work")
    git(target, "merge", "--quiet", "--no-commit", "--no-ff", "main")
    resolve(target, git, {"long.txt": edited({}) + "twice\n"})
    git(target, "checkout", "--quiet", "main")
    assert not lost(target, git)


def test_merge_driver_that_keeps_one_side_is_told(target: Path, branch: Branch, git: Git) -> None:
    branch("work", {"long.txt": edited({3: "mine"})})
    git.commit(target, {"long.txt": edited({15: "fifteen"})}, "on main")
    (target / ".git/info/attributes").write_text("*.txt merge=keep\n")
    git(target, "config", "merge.keep.driver", "cp %B %A")
    found = lost(target, git).vanished
    assert [(one.path, one.sample) for one in found] == [("long.txt", ("fifteen",))]


def test_old_work_committed_on_a_new_base_is_told(target: Path, branch: Branch, git: Git) -> None:
    branch("work", {"mine.txt": "mine\n"})
    theirs = git.commit(target, {"long.txt": edited({15: "fifteen"}), "added.txt": "added\n"}, "their work")
    git(target, "checkout", "--quiet", "work")
    git(target, "reset", "--quiet", "--soft", "main")
    git(target, "commit", "--quiet", "-m", "my work")
    git(target, "checkout", "--quiet", "main")
    (found,) = lost(target, git).undone
    assert (found.commit, found.subject, found.paths) == (theirs, "their work", ("added.txt", "long.txt"))


def test_revert_that_says_so_loses_nothing(target: Path, branch: Branch, git: Git) -> None:
    theirs = git.commit(target, {"long.txt": edited({15: "fifteen"})}, "their work")
    git(target, "checkout", "--quiet", "-b", "work")
    git(target, "revert", "--no-edit", theirs)
    git(target, "checkout", "--quiet", "main")
    assert not lost(target, git)


@pytest.mark.parametrize(("message", "told"), [("Drop the old tool", False), ("my work", True)])
def test_file_that_is_deleted_as_it_was_added_is_told_unless_the_message_says_so(
    message: str, told: bool, target: Path, branch: Branch, git: Git
) -> None:
    git.commit(target, {"tool.py": "print('tool')\n"}, "a tool")
    git(target, "checkout", "--quiet", "-b", "work")
    git(target, "rm", "--quiet", "tool.py")
    git(target, "commit", "--quiet", "-m", message)
    git(target, "checkout", "--quiet", "main")
    assert bool(lost(target, git).undone) is told


@pytest.mark.parametrize("name", ['quo"te', "new\nline", "tab\t", "ünïcode", "two  blanks ", "-option"])
def test_odd_name_is_told_as_it_is(name: str, target: Path, branch: Branch, git: Git) -> None:
    git.commit(target, {name: "one\ntwo\n"}, "odd")
    branch("work", {"long.txt": edited({3: "three"})})
    git.commit(target, {name: "one\ntwo\nthree\n"}, "more")
    tree = git(target, "rev-parse", "work^{tree}")
    found = lost(target, git, tree=tree).vanished
    assert [(one.path, one.sample) for one in found] == [(name, ("three",))]


def test_stacked_branch_answers_for_its_own_commits_only(target: Path, branch: Branch, git: Git) -> None:
    below = branch("below", {"long.txt": edited({3: "three"})})
    branch("work", {"other.txt": "mine\n"}, start="below")
    assert not lost(target, git, below=below)


BLOCK = "def served(fleet):\n    found = fleet.ask(1)\n    return found.answer\n"
CHANGED = BLOCK.replace("fleet", "clone")
CASES: dict[str, tuple[dict[str, str], dict[str, str], dict[str, str], dict[str, str], tuple[str, ...]]] = {
    # what there was, the branch's, the target's, how the merge was ended, and the lines that are told
    "edits within what the branch deleted": (
        {"a.py": f"first\n{BLOCK}last\n"},
        {"a.py": "first\nlast\n"},
        {"a.py": f"first\n{CHANGED}last\n"},
        {"a.py": "first\nlast\n"},
        (),
    ),
    "new lines within what the branch deleted": (
        {"a.py": f"first\n{BLOCK}last\n"},
        {"a.py": "first\nlast\n"},
        {"a.py": f"first\n{BLOCK}    check(whatever, limit=7)\nlast\n"},
        {"a.py": "first\nlast\n"},
        ("    check(whatever, limit=7)",),
    ),
    "edits within what the branch moved, and took along": (
        {"a.py": f"first\n{BLOCK}last\n", "b.py": "other\n"},
        {"a.py": "first\nlast\n", "b.py": f"other\n{BLOCK}"},
        {"a.py": f"first\n{CHANGED}last\n"},
        {"a.py": "first\nlast\n", "b.py": f"other\n{CHANGED}".replace("found", "it")},
        (),
    ),
    "edits within what the branch moved, and left behind": (
        {"a.py": f"first\n{BLOCK}last\n", "b.py": "other\n"},
        {"a.py": "first\nlast\n", "b.py": f"other\n{BLOCK}"},
        {"a.py": f"first\n{BLOCK.replace('ask(1)', 'ask(1, patience=9)')}last\n"},
        {"a.py": "first\nlast\n"},
        ("    found = fleet.ask(1, patience=9)",),
    ),
    "what both sides have taken out of one line": (
        {"a.py": "first\nnames = one, two, three, four\nlast\n"},
        {"a.py": "first\nnames = one, four\nlast\n"},
        {"a.py": "first\nnames = one, two, four\nlast\n"},
        {"a.py": "first\nnames = one, four\nlast\n"},
        (),
    ),
    "what the target has put into a line that the branch has shortened": (
        {"a.py": "first\nnames = one, two, three\nlast\n"},
        {"a.py": "first\nnames = one\nlast\n"},
        {"a.py": "first\nnames = one, two, three, four\nlast\n"},
        {"a.py": "first\nnames = one\nlast\n"},
        ("names = one, two, three, four",),
    ),
    "imports alone": (
        {"a.py": "import old\n\nrun()\n"},
        {"a.py": "import mine\n\nrun()\n"},
        {"a.py": "import old\nfrom theirs import thing\n\nrun()\n"},
        {"a.py": "import mine\n\nrun()\n"},
        (),
    ),
    "imports with what needs them": (
        {"a.py": "import old\n\nrun()\n"},
        {"a.py": "import mine\n\nwalk()\n"},
        {"a.py": "import old\nfrom theirs import thing\n\nrun(thing)\n"},
        {"a.py": "import mine\n\nwalk()\n"},
        ("from theirs import thing", "run(thing)"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_conflict_that_is_ended_with_the_branchs_side_is_told_of_what_the_target_has_added(
    name: str, target: Path, branch: Branch, git: Git
) -> None:
    before, mine, theirs, ended, told = CASES[name]
    git.commit(target, before, "before")
    branch("work", mine)
    git.commit(target, theirs, "on main")
    merged(target, git, "work", ended)
    assert tuple(line for one in lost(target, git).vanished for line in one.sample) == told
