#!/bin/sh
# ruamel.yaml 0.19.1, round trip (`YAML()`), and a comment line that stands above a section and tells about it:
# - It belongs to the last value above it. `del` of the last key of the section before takes the comment of the next section away, and
#   leaves the comment that stood above the deleted key.
# - A key that is added to the section before comes after the comment: `# about limits` then stands in the middle of `jobs`.
# - Where that last value is replaced by a list, the comment comes between the key and its list.
# - All of it is valid YAML; only the reader is told the wrong thing.
# A good guess was that a comment goes with what it stands above.
# Output seen: see `expected` below.
set -eu
command -v python3 >/dev/null || { echo "needs python3"; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check ruamel.yaml==0.19.1 2>/dev/null
told=$("$work/venv/bin/python" - <<'EOF'
import io
from ruamel.yaml import YAML

SOURCE = "jobs:\n  a: 1\n  # about b\n  b: 2\n# about limits\nlimits:\n  x: 1\n"
yaml = YAML()


def after(change):
    document = yaml.load(SOURCE)
    change(document["jobs"])
    written = io.StringIO()
    yaml.dump(document, written)
    return " | ".join(line.strip() for line in written.getvalue().splitlines())


print("deleted:", after(lambda jobs: jobs.pop("b")))
print("added:", after(lambda jobs: jobs.update(c=3)))
print("replaced:", after(lambda jobs: jobs.update(b=[1])))
EOF
)
echo "$told"
expected="deleted: jobs: | a: 1 | # about b | limits: | x: 1
added: jobs: | a: 1 | # about b | b: 2 | # about limits | c: 3 | limits: | x: 1
replaced: jobs: | a: 1 | # about b | b: | # about limits | - 1 | limits: | x: 1"
[ "$told" = "$expected" ] || { echo "this has changed"; exit 1; }
