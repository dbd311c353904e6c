"""Where the trailers go in a commit message, whoever writes it and however."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gatebench import Gated, hook


def editor(tmp_path: Path, script: str) -> dict[str, str | None]:
    """An editor that is this shell script; `$1` is the message."""
    path = tmp_path / "editor"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return {"GIT_EDITOR": str(path)}


@pytest.fixture
def staged(alone: Gated) -> Gated:
    """A clone with a change staged that its session has claimed."""
    alone.claim("README.md")
    alone.write("README.md")
    return alone


def ours(clone: Gated) -> None:
    """Assert that session and claim are named once, as trailers that git itself reads."""
    trailers = clone.trailers()
    assert [line.split(":")[0] for line in trailers] == ["Fleet-Session", "Fleet-Claim"]
    assert clone.message().count("Fleet-") == 2


@pytest.mark.parametrize(
    "words",
    [
        "subject",
        "subject\n\nbody\n",
        "subject\n\nbody\n---\nnot a patch\n",
        "subject\n\nbody\n\nSigned-off-by: Ann <ann@example.org>\n",
        "subject\n\nSigned-off-by: Ann <a@b.c>\nReviewed-by: Bob <b@b.c>",
        "subject with: a colon",
        "subject\n\n# no comment here\nbody",
        "sübject\n\nbodÿ",
        "subject\n\ntrailing blanks   \n\n\n\n",
    ],
    ids=range(9),
)
@pytest.mark.parametrize("option", ["-m", "-F"])
def test_message_that_is_given_ends_with_the_trailers(
    staged: Gated, tmp_path: Path, words: str, option: str
) -> None:
    (tmp_path / "message").write_text(words)
    staged.commit(option, words if option == "-m" else str(tmp_path / "message")).ok()
    ours(staged)
    said = staged.message().splitlines()
    assert said[0] == words.splitlines()[0]
    assert [line.split(":")[0] for line in said[-2:]] == ["Fleet-Session", "Fleet-Claim"]
    for line in words.split():
        assert line in staged.message() or line == "#"


def test_message_edited_by_hand_keeps_the_trailers(staged: Gated, tmp_path: Path) -> None:
    env = editor(tmp_path, 'sed -i "1s/^/better /" "$1"')
    staged.commit("-e", "-m", "subject", env=env).ok()
    assert staged.message().startswith("better subject\n\nFleet-Session: ")
    ours(staged)


def test_message_verbose_keeps_trailers_above_the_cut(staged: Gated, tmp_path: Path) -> None:
    staged.commit("-v", "-e", "-m", "subject", env=editor(tmp_path, "true")).ok()
    assert "diff --git" not in staged.message()
    ours(staged)


@pytest.mark.parametrize("cleanup", ["scissors", "verbatim", "whitespace", "strip"])
def test_message_under_each_cleanup_has_the_trailers(staged: Gated, tmp_path: Path, cleanup: str) -> None:
    staged.commit("-e", f"--cleanup={cleanup}", "-m", "subject", env=editor(tmp_path, "true")).ok()
    assert "Fleet-Session: " in staged.message()
    assert staged.message().count("Fleet-Claim: ") == 1
    assert ">8" not in staged.message()


def test_message_signed_off_by_git_has_one_block_of_trailers(staged: Gated) -> None:
    staged.commit("-s", "-m", "subject").ok()
    ours(staged)
    assert "Signed-off-by: Ada Tester" in staged.message().split("\n\n")[-1]


def test_message_has_trailers_that_all_read_whatever_the_users_own_look_like(ada: Gated) -> None:
    ada.claim("README.md")
    ada.write("README.md")
    ada.out("config", "trailer.separators", "%")
    ada.commit("-m", "subject").ok()
    ada.out("push", "--quiet")  # read by the gate, too
    ada.out("config", "--unset", "trailer.separators")
    ours(ada)


def test_message_of_a_template_that_is_filled_in_is_kept(staged: Gated, tmp_path: Path) -> None:
    (tmp_path / "template").write_text("Ticket: \n")
    env = editor(tmp_path, 'sed -i "1s/$/42/" "$1"')
    staged.commit("-t", str(tmp_path / "template"), env=env).ok()
    assert staged.message().startswith("Ticket: 42")


@pytest.mark.parametrize("options", [(), ("-v",), ("-t", "template")], ids=["plain", "verbose", "template"])
def test_message_that_nobody_writes_ends_the_commit(
    staged: Gated, tmp_path: Path, options: tuple[str, ...]
) -> None:
    (staged.path / "template").write_text("Ticket: \n")
    before = staged.out("rev-parse", "HEAD")
    ran = staged.git("commit", *options, env=editor(tmp_path, "true"))
    assert ran.returncode == 1
    assert "Aborting commit" in ran.stderr
    assert staged.out("rev-parse", "HEAD") == before


@pytest.mark.parametrize("options", [(), ("-v",), ("-s",), ("-t", "template"), ("--cleanup=scissors",)])
def test_message_written_in_an_editor_has_the_trailers(
    staged: Gated, tmp_path: Path, options: tuple[str, ...]
) -> None:
    (staged.path / "template").write_text("Ticket: \n")
    write = editor(tmp_path, 'printf "words\\n" | cat - "$1" >"$1.new" && mv "$1.new" "$1"')
    staged.git("commit", *options, env=write).ok()
    assert staged.message().startswith("words\n")
    assert "diff --git" not in staged.message()
    ours(staged)
    assert left_over(staged) == []


@pytest.mark.parametrize("said", ["Signed-off-by: Ann <ann@example.org>", "# words", ""])
def test_message_of_which_git_makes_none_ends_the_commit_and_leaves_nothing_for_the_next(
    staged: Gated, tmp_path: Path, said: str
) -> None:
    ran = staged.git("commit", env=editor(tmp_path, f'echo "{said}" >"$1"'))
    assert "empty commit message" in ran.stderr
    staged.git("commit", "--no-verify", env=editor(tmp_path, 'echo words >"$1"')).ok()
    staged.write("README.md", "more\n")
    staged.commit("-m", "subject").ok()
    ours(staged)
    assert left_over(staged) == []


def left_over(clone: Gated) -> list[str]:
    return [path.name for path in clone.fleets.state("alone").glob("unwritten*")]


def test_message_emptied_by_hand_ends_the_commit(staged: Gated, tmp_path: Path) -> None:
    ran = staged.git("commit", "-e", "-m", "subject", env=editor(tmp_path, ': >"$1"'))
    assert "empty commit message" in ran.stderr
    assert ran.returncode == 1


def test_message_of_a_merge_has_its_trailers_apart_from_the_subject(alone: Gated) -> None:
    alone.out("checkout", "--quiet", "-b", "side")
    alone.commit("--allow-empty", "-m", "side").ok()
    alone.out("checkout", "--quiet", "main")
    alone.git("merge", "--no-ff", "--no-edit", "side").ok()
    assert alone.message() == f"Merge branch 'side'\n\nFleet-Session: {alone.session}"
    alone.commit("--allow-empty", "-m", "more").ok()
    alone.out("branch", "-f", "side", "HEAD")
    alone.out("reset", "--quiet", "--hard", "HEAD~")
    alone.git("merge", "--no-ff", "-m", "words\n\nand more", "side").ok()
    assert alone.trailers() == [f"Fleet-Session: {alone.session}"]


def test_message_hook_that_is_run_without_a_file_does_no_harm(alone: Gated) -> None:
    ran = hook(alone.path, "prepare-commit-msg", env={"GITFLEET_SESSION": alone.session})
    assert "Traceback" not in ran.ok().stderr


def test_message_of_another_session_that_is_taken_over_names_both(staged: Gated) -> None:
    staged.commit("-m", "subject").ok()
    other = staged.as_session(staged.other)
    staged.git("commit", "--amend", "--no-edit", "--quiet", env=other).ok()
    assert [line for line in staged.trailers() if "Session" in line] == [
        f"Fleet-Session: {staged.session}",
        f"Fleet-Session: {staged.other}",
    ]
