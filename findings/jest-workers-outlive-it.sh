#!/bin/sh
# jest 30.5.2, vitest 5.1.2 and mocha 12.0.3 (`--parallel`) on Node.js, when only their first process is ended, by SIGTERM or SIGKILL,
# while two workers are in a test:
# - vitest's and mocha's workers end with it.
# - jest's go on: they end with their test file. What it does after that moment (writes, servers, clean-up) is done with nobody to
#   report to, and a test that hangs keeps its worker for good, since the time limits of jest are jest's own and end no worker.
# - SIGTERM makes no difference: jest does not hand it on.
# A good guess was that all three end, for all three start their workers with an IPC channel, which closes with the first process.
# Output seen: `mocha TERM: 2 workers, 0 left, 0 tests ended; mocha KILL: 2 workers, 0 left, 0 tests ended; vitest …: the same; jest TERM: 2
# workers, 2 left, 2 tests ended; jest KILL: 2 workers, 2 left, 2 tests ended; afterwards 0 left`.
set -eu
command -v npm >/dev/null && command -v python3 >/dev/null && [ -r /proc/self/stat ] || { echo "needs npm, python3 and Linux's /proc"; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm install --silent --no-audit --no-fund --prefix "$work" jest@30.5.2 vitest@5.1.2 mocha@12.0.3 >/dev/null
cat >"$work/run.py" <<'EOF'
import os, pathlib, signal, subprocess, sys, time

work = pathlib.Path(sys.argv[1])
NODE = "const fs = require('node:fs'); const wait = () => new Promise(done => setTimeout(done, 50));"
TEST = "fs.writeFileSync('began-' + process.pid, ''); while (!fs.existsSync('go')) await wait(); fs.writeFileSync('ended-' + process.pid, '');"
RUNNERS = {
    "mocha": ("mocha/bin/mocha.js --parallel --jobs 2 a.test.cjs b.test.cjs", "it('x', async function () { this.timeout(0); %s });"),
    "vitest": ("vitest/vitest.mjs run --globals --pool forks --maxWorkers 2", "test('x', async () => { %s }, 600000);"),
    "jest": ("jest/bin/jest.js --maxWorkers 2 --testMatch **/*.test.cjs", "test('x', async () => { %s }, 600000);"),
}


def until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def tried(runner, name):
    folder = work / f"{runner}-{name}"
    folder.mkdir()
    (folder / "package.json").write_text("{}")
    command, form = RUNNERS[runner]
    code = NODE + form % TEST
    if runner == "vitest":
        code = code.replace("const fs = require('node:fs');", "import fs from 'node:fs';")
    for test in "ab":
        (folder / f"{test}.test.{'mjs' if runner == 'vitest' else 'cjs'}").write_text(code)
    program, *arguments = command.split()
    first = subprocess.Popen(
        ["node", str(work / "node_modules" / program), *arguments], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    if not until(lambda: len(list(folder.glob("began-*"))) == 2, 120):
        first.kill()
        sys.exit(f"{runner} did not start two tests")
    workers = [int(path.name.split("-")[1]) for path in folder.glob("began-*")]
    first.send_signal(getattr(signal, f"SIG{name}"))
    first.wait()
    until(lambda: not any(map(alive, workers)), 5)
    left = sum(map(alive, workers))
    (folder / "go").touch()
    until(lambda: not any(map(alive, workers)), 60)
    ended = len(list(folder.glob("ended-*")))
    afterwards = [pid for pid in workers if alive(pid)]
    for pid in afterwards:
        os.kill(pid, signal.SIGKILL)
    print(f"{runner} {name}: {len(workers)} workers, {left} left, {ended} tests ended, afterwards {len(afterwards)} left")


for runner in RUNNERS:
    for name in ("TERM", "KILL"):
        tried(runner, name)
EOF
told=$(python3 "$work/run.py" "$work")
echo "$told"
expected=$(
    for one in "mocha TERM" "mocha KILL" "vitest TERM" "vitest KILL"; do echo "$one: 2 workers, 0 left, 0 tests ended, afterwards 0 left"; done
    for one in "jest TERM" "jest KILL"; do echo "$one: 2 workers, 2 left, 2 tests ended, afterwards 0 left"; done
)
[ "$told" = "$expected" ] || { echo "this has changed"; exit 1; }
