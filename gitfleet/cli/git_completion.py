"""Completion of `git fleet …`: what a shell needs beside its completion of `gitfleet`, since git's own completion has to find it.

bash's asks the function `_git_fleet`, zsh's the function `_git-fleet`, and fish's completes `git-fleet` (which that of fish 3.6 does not find by itself). Each hands the words on to ours.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

_BASH = r"""
_git_fleet() {
    local IFS=$'\n' at=${__git_cmd_idx:-1}
    COMPREPLY=( $( env COMP_WORDS="gitfleet${IFS}${words[*]:at+1}" COMP_CWORD=$((cword - at)) \
                   _GITFLEET_COMPLETE=complete_bash gitfleet ) )
}
"""
_ZSH_WORDS = r"""words[1]=gitfleet
  eval $(env _TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" _GITFLEET_COMPLETE=complete_zsh gitfleet)"""
_ZSH = f"""
_git-fleet() {{
  {_ZSH_WORDS}
}}
"""
_FISH = (
    'complete --command git-fleet --no-files --arguments "(env _GITFLEET_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION=get-args '
    '_TYPER_COMPLETE_ARGS=(commandline -cp) gitfleet)" --condition "env _GITFLEET_COMPLETE=complete_fish '
    '_TYPER_COMPLETE_FISH_ACTION=is-args _TYPER_COMPLETE_ARGS=(commandline -cp) gitfleet"\n'
    'complete --command git --no-files --condition "__fish_git_using_command fleet" --arguments "(__fish_git_complete_custom_command fleet)"\n'
)
SCRIPTS: Mapping[str, str] = {"bash": _BASH, "zsh": _ZSH, "fish": f"\n{_FISH}"}
"""What `--show-completion` adds to the script of each shell."""
_INSTALLED: tuple[tuple[str, str, str], ...] = (
    (".bash_completions/gitfleet.sh", ".bash_completions/gitfleet.sh", _BASH),
    (".zfunc/_gitfleet", ".zfunc/_git-fleet", f"#compdef git-fleet\n#description coordinate many coding agents\n{_ZSH_WORDS}\n"),
    (".config/fish/completions/gitfleet.fish", ".config/fish/conf.d/gitfleet.fish", _FISH),
)  # fmt: skip
"""Where the completion of `gitfleet` is installed, where that of `git fleet` goes, and what it is."""


def install() -> None:
    """Put the completion of `git fleet` beside that of `gitfleet`, wherever this user has that. Twice is harmless."""
    for theirs, ours, script in _INSTALLED:
        beside, place = (os.path.join(os.path.expanduser("~"), path) for path in (theirs, ours))
        if not os.path.isfile(beside):
            continue
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "a+" if place == beside else "w+", encoding="utf-8") as file:
            file.seek(0)
            if script not in file.read():
                file.write(script)
