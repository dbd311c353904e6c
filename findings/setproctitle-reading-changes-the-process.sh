#!/bin/sh
# setproctitle 1.3.8 on Linux (CPython), and `getproctitle()`, which only reads:
# - The first call in a process, be it `getproctitle()`, empties what /proc/PID/environ shows (all NULs), so that `psutil.Process.environ()`
#   is `{}` without an error. The process itself keeps its variables, and its children have them.
# - It also changes what others see of the command: psutil 7.2.2 gives the arguments cut at their spaces, 7 instead of 3 here.
# - The README tells of SPT_NOENV for a title that is set. A mere `import setproctitle` changes nothing.
# - So a program that finds its own processes by a mark in their environment or by their arguments loses those that asked for their title.
# A good guess was that reading the title changes nothing.
# Output seen: `imported: 3 arguments, marked True; read: 7 arguments, marked False; read with SPT_NOENV: marked True; child marked True`.
set -eu
command -v python3 >/dev/null && [ -r /proc/self/stat ] || { echo "needs python3 and Linux's /proc"; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check setproctitle==1.3.8 psutil==7.2.2 2>/dev/null
told=$("$work/venv/bin/python" - <<'EOF'
import os, subprocess, sys
import psutil

WAIT = "import subprocess,sys;print(subprocess.run(['printenv','MARK'],capture_output=True,text=True).stdout,end='',flush=True);sys.stdin.read()"


def looked_at(code, **more):
    environment = {"PATH": os.environ["PATH"], "MARK": "yes", **more}
    process = subprocess.Popen([sys.executable, "-c", f"{code};{WAIT}"], stdin=-1, stdout=-1, env=environment, text=True)
    child = process.stdout.readline().strip() == "yes"
    seen = psutil.Process(process.pid)
    result = len(seen.cmdline()), seen.environ().get("MARK") == "yes", child
    process.communicate()
    return result


imported, marked, _ = looked_at("import setproctitle")
read, lost, child = looked_at("import setproctitle as s;s.getproctitle()")
kept = looked_at("import setproctitle as s;s.getproctitle()", SPT_NOENV="1")[1]
print(f"imported: {imported} arguments, marked {marked}; read: {read} arguments, marked {lost}; read with SPT_NOENV: marked {kept}; child marked {child}")
EOF
)
echo "$told"
expected="imported: 3 arguments, marked True; read: 7 arguments, marked False; read with SPT_NOENV: marked True; child marked True"
[ "$told" = "$expected" ] || { echo "this has changed"; exit 1; }
