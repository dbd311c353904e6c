"""How a diff becomes files and lines of the page."""

from __future__ import annotations

from gitfleet.base.names import RepoPath
from gitfleet.fleet.views.review_rows import ReviewFileRow
from gitfleet.web.page import reviews

DIFF = """diff --git a/a.py b/a.py
index 1..2 100644
--- a/a.py
+++ b/a.py
@@ -1,3 +1,3 @@ def a():
 same
-diff --git a/x b/x
+\tnew
\\ No newline at end of file
diff --git a/b b/b
new file mode 100644
index 0..1
Binary files /dev/null and b/b differ
diff --git a/c b/c
old mode 100644
new mode 100755
"""


def row(path: str, added: int | None = 1, removed: int | None = 1) -> ReviewFileRow:
    return {"path": RepoPath(path), "added": added, "removed": removed}


def test_files_of_a_diff_have_their_lines_with_numbers_and_what_is_said_of_them() -> None:
    first, second, third, fourth = reviews.files(
        [row("a.py"), row("b", None, None), row("c", 0, 0), row("d")], DIFF
    )
    assert [(one.sort, one.text, one.old, one.new) for one in first.lines] == [
        ("hunk", "@@ -1,3 +1,3 @@ def a():", 0, 0),
        ("same", "same", 1, 1),
        ("removed", "diff --git a/x b/x", 2, 0),
        ("added", "\tnew", 0, 2),
        ("note", " No newline at end of file", 0, 0),
    ]
    assert (first.said, first.hidden, first.open, first.most) == ("", 0, True, 2)
    assert (second.said, list(second.lines)) == ("binary", [])
    assert (third.said, third.hidden) == ("mode", 0)
    assert (fourth.hidden, list(fourth.lines)) == (-1, [])  # beyond where the diff was cut


def test_files_of_a_long_diff_are_shown_as_far_as_there_is_room() -> None:
    part = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -0,0 +1,2000 @@\n" + "+x\n" * 2000
    found = reviews.files([row(str(number)) for number in range(6)], part * 6)
    assert [len(one.lines) for one in found] == [800, 800, 800, 600, 0, 0]
    assert [one.hidden for one in found] == [1201, 1201, 1201, 1401, 2001, 2001]
    assert not any(one.open for one in found)


def test_no_diff_has_no_files() -> None:
    assert reviews.files([], "") == []
    assert reviews.files([row("a")], "")[0].hidden == -1
