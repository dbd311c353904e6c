#!/bin/sh
# libtmux 0.62.0 with tmux 3.3a or 3.8, and `pane.send_keys(TEXT)`, by which many tools type to a program in a pane:
# - `SELECT 1;` arrives as `SELECT 1`: tmux takes a semicolon at the end of any argument for its own, and an argv list is no help.
# - `-x` arrives as an empty line: tmux takes it for an option and fails, and libtmux raises nothing.
# - `end`, `up`, `home` or `space` is the key of that name, so the line is empty or other than said.
# - `literal=True` mends the last only. `load-buffer -` with the text on stdin, then `paste-buffer`, has all three arrive as they are.
# A good guess was that `literal=True`, documented as "Send keys literally", sends any text, and that what tmux refuses is raised.
# Output seen: `as is: [SELECT 1] [] [key]; literal: [SELECT 1] [] [end]; by a buffer: [SELECT 1;] [-x] [end]`.
set -eu
for tool in tmux python3; do command -v "$tool" >/dev/null || { echo "needs $tool"; exit 2; }; done
work=$(mktemp -d)
end() {
    tmux -S "$work/socket" kill-server 2>/dev/null || true
    rm -rf "$work"
}
trap end EXIT
unset TMUX
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check libtmux==0.62.0 2>/dev/null
cat >"$work/pane" <<'PANE'
stty -echo
tmux -S "$1/socket" wait-for -S ready
head -n 9 >"$1/lines"
tmux -S "$1/socket" wait-for -S done
exec cat
PANE
cat >"$work/type.py" <<'PYTHON'
import subprocess, sys
from pathlib import Path
import libtmux

work = Path(sys.argv[1])
TEXTS = ("SELECT 1;", "-x", "end")


def tmux(*words, told=None):
    subprocess.run(["tmux", "-S", work / "socket", "-f", "/dev/null", *words], input=told, text=True, check=True)


def by_buffer(text):
    tmux("load-buffer", "-", told=text)
    tmux("paste-buffer")


tmux("new-session", "-d", "sh", work / "pane", work)
tmux("wait-for", "ready")
pane = libtmux.Server(socket_path=work / "socket").sessions[0].active_pane
WAYS = {
    "as is": lambda text: pane.send_keys(text, enter=False),
    "literal": lambda text: pane.send_keys(text, enter=False, literal=True),
    "by a buffer": by_buffer,
}
for way in WAYS.values():
    for text in TEXTS:
        way(text)
        pane.enter()
tmux("wait-for", "done")
lines = iter((work / "lines").read_text().splitlines())
for name in WAYS:
    arrived = (next(lines) for _ in TEXTS)
    print(f"{name}:", *(f"[{'key' if line.startswith(chr(27)) else line}]" for line in arrived), end="; ")
PYTHON
told=$("$work/venv/bin/python" "$work/type.py" "$work")
echo "$(tmux -V): ${told%; }"
[ "${told%; }" = "as is: [SELECT 1] [] [key]; literal: [SELECT 1] [] [end]; by a buffer: [SELECT 1;] [-x] [end]" ] || { echo "this has changed"; exit 1; }
