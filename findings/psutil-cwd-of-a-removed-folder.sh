#!/bin/sh
# psutil 7.2.2 on Linux, and `Process.cwd()` of a process whose working folder was removed:
# - /proc/PID/cwd then reads `/…/tree (deleted)`. psutil takes the mark away and gives `/…/tree`, a folder that is not there, without an error.
# - When a new folder of that name has been made, nothing tells the two apart: `cwd()` names the new folder, in which the process is
#   not, and `os.path.isdir` of the answer is true. `os.stat("/proc/PID/cwd")` tells: it is another inode.
# - So a process that was left behind in a removed worktree seems to be at work in the next worktree of that name.
# A good guess was that psutil gives the text of /proc as it is, or raises.
# Output seen: `there: tree; removed: tree, is a folder: False; made again: tree, is a folder: True, same inode: False`.
set -eu
command -v python3 >/dev/null && [ -r /proc/self/stat ] || { echo "needs python3 and Linux's /proc"; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check psutil==7.2.2 2>/dev/null
told=$("$work/venv/bin/python" - "$work/tree" <<'EOF'
import os, subprocess, sys
import psutil

tree = sys.argv[1]
os.mkdir(tree)
process = subprocess.Popen(["cat"], cwd=tree, stdin=subprocess.PIPE)
seen = psutil.Process(process.pid)


def name():
    return os.path.relpath(seen.cwd(), os.path.realpath(os.path.dirname(tree)))


there = name()
os.rmdir(tree)
removed = f"{name()}, is a folder: {os.path.isdir(seen.cwd())}"
os.mkdir(tree)
again = f"{name()}, is a folder: {os.path.isdir(seen.cwd())}"
same = os.path.samestat(os.stat(f"/proc/{process.pid}/cwd"), os.stat(tree))
process.communicate()
print(f"there: {there}; removed: {removed}; made again: {again}, same inode: {same}")
EOF
)
echo "$told"
[ "$told" = "there: tree; removed: tree, is a folder: False; made again: tree, is a folder: True, same inode: False" ] || { echo "this has changed"; exit 1; }
