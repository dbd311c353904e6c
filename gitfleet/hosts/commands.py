"""What is said to a host's login shell, and to the Python there.

The login shell may be any: the words are the same to bash, zsh, fish, tcsh and dash, and hand over to /bin/sh at once.
Nothing is written to the other side's standard input before it has said that it is ours who read: what waits there
could be a shell that takes a program for commands. The shell says in the end how our program ended: ssh's own exit code comes late
or never where a login file has left something running, and does not tell a killed program from a lost connection.
"""

from __future__ import annotations

import sys

# After `READY` comes one line, LENGTH and SHA-256, then so many bytes of program. A part of a program is never run. There is
# no backslash, exclamation mark or single quote in it, and no double quote but around words: it goes through three shells.
_LOADER = (
    "import sys;"
    "print();"
    'print(sys.argv[1],"ready",*sys.version_info[:2],flush=True);'
    "i=sys.stdin.buffer;"
    "a=i.readline().split();"
    "p=i.read(int(a[0])) if len(a)==2 else sys.exit(3);"
    "import hashlib;"
    "hashlib.sha256(p).hexdigest()==a[1].decode() or sys.exit(3);"
    'exec(compile(p,"gitfleet","exec"))'
)
_TOOL = "gitfleet on-host --nonce"
_HOMES = "PATH=$PATH:$HOME/.local/bin;export PATH"  # where tools of one user are, also without a login


def remote(nonce: str, *, sends: bool) -> str:
    """The command for the host's login shell: its own gitfleet, or a Python that takes a program."""
    start = 'python3 -I -c "$1" "$0"' if sends else f'{_TOOL} "$0"'
    inner = f"echo;echo $0 shell;{_HOMES};{start};r=$?;echo;echo $0 ended $r"
    return f"exec /bin/sh -c '{inner}' {nonce}" + (f" '{_LOADER}'" if sends else "")


def local(nonce: str) -> list[str]:
    """The same Python on this machine, as an argument list."""
    return [sys.executable, "-I", "-c", _LOADER, nonce]
