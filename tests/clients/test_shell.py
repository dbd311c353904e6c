"""What a shell command plainly writes is found, and nothing that it only talks about."""

from __future__ import annotations

import pytest

from gitfleet.clients import codex, shell


@pytest.mark.parametrize(
    ("command", "files"),
    [
        ("cat a", []),
        ("echo x > a", ["a"]),
        ("echo x >>'a b' 2>&1", ["a b"]),
        ("x=1>y", ["y"]),
        ("a 2>err <in >out", ["err", "out"]),
        ("make &> log; make &>>more; make >|forced", ["log", "more", "forced"]),
        ("cat <<'EOF' > a\n> b\necho > c\nEOF\necho y >> d", ["a", "d"]),
        ("cat > a <<-E\n\tx > b\n\tE\necho >c", ["a", "c"]),
        ("cd sub && echo x > a; (cd ../q; echo > b); echo > c", ["sub/a", "sub/../q/b", "sub/c"]),
        ("cd $X && echo > a; echo > /b", ["/b"]),
        ("echo > $X; echo > \"$X/a\"; echo > `b`; echo > *.c; echo > ~/d", []),
        ("printf '> no' | tee -a a b", ["a", "b"]),
        ('bash -lc "cd sub; echo x > a"', ["sub/a"]),
        ("echo \\> no '>' \"> no\" # > no", []),
        ("echo $(echo > z) > w", ["w"]),
        ("diff <(a) <(b) > d", ["d"]),
        ("[[ a > b ]] && echo > c", ["c"]),
        ("echo 1>&2 2>&- >&3 >& both", ["both"]),
        ("echo 'never closed > a", []),
        ("cat <<EOF\n> x", []),
        ("if true; then echo > t; fi", ["t"]),
        ("", []),
        (">", []),
        ("\\", []),
        ("$(", []),
        ("<<", []),
    ],
)  # fmt: skip
def test_files_that_a_command_writes_are_those_that_it_spells_out(command: str, files: list[str]) -> None:
    assert shell.written(command) == files


@pytest.mark.parametrize(
    ("command", "folder"),
    [("cd a && b", "a"), ("cd 'a b'; c", "a b"), ("b && cd a", ""), ("cd $A && b", ""), ("cd a | b", "")],
)
def test_folder_that_a_command_goes_to_first_is_known_where_it_is_spelled_out(
    command: str, folder: str
) -> None:
    assert shell.folder(command) == folder


def test_patch_in_a_shell_command_is_found_only_where_it_is_applied() -> None:
    patch = "*** Begin Patch\n*** Update File: a\n@@\n-x\n+y\n*** Add File: no\n*** End Patch"
    assert codex.patched(codex.in_shell(f"apply_patch <<'E'\n{patch}\nE\n*** Add File: b")) == ["a", "no"]
    assert codex.in_shell(f"cat > notes <<'E'\n{patch}\nE") == ""
    assert codex.in_shell("apply_patch --help") == ""
