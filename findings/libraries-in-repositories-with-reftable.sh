#!/bin/sh
# Repositories whose refs git 2.55.0 keeps as `reftable` (Debian's package 1:2.55.0-1, or a newer one; `git init --ref-format=reftable`, which git 3
# is to do by default), read by dulwich 1.2.21, GitPython 3.2.1, pygit2 1.21.0 and isomorphic-git 1.44.19, in main and in a linked worktree:
# - dulwich reads the format and writes it. But it goes by the main checkout's HEAD in each worktree: `active_branch` and `head()` in the linked
#   one are main's, `porcelain.tag_create` there tags main's commit, and `refs.set_symbolic_ref(b"HEAD", …)` there puts main on that branch,
#   with no word. `branch_list` gives each name without its first letter; `porcelain.commit` fails with "changed during commit".
# - GitPython does not read it, and says that there are no branches and no tags (`active_branch` raises).
# - isomorphic-git takes the mark that git leaves for old readers for a branch, `.invalid`, and lists none. Its `branch()` ends well and
#   makes nothing.
# - pygit2 refuses the repository by the name of the extension, as the repository's format version asks of whoever does not know it.
# A good guess was that a library either knows the extension, and then in each worktree, or refuses.
# Output seen: see `expected` below.
# The git is taken by apt from the mirror that this machine has its Debian from, unpacked into a temp folder, and run there with
# the C library of its own suite.
set -eu
for tool in npm python3 apt-get apt-cache apt-config dpkg dpkg-deb; do
    command -v "$tool" >/dev/null || { echo "needs $tool (of Debian)"; exit 2; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/state/lists/partial" "$work/cache" "$work/debs/partial" "$work/root" "$work/home"
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
mirror=$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' | sed -n "s/^$suite main //p" | head -n 1)
[ -n "$mirror" ] || { echo "apt knows no mirror of Debian here"; exit 2; }
keys=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r "$keys" ] && signed="[signed-by=$keys] " || signed=''
echo "deb $signed$mirror unstable main" >"$work/sources.list"
for package in perl liberror-perl; do # programs in Perl are not run here
    printf 'Package: %s\nStatus: install ok installed\nArchitecture: %s\nVersion: 99\nMaintainer: nobody\nDescription: here\n\n' \
        "$package" "$(dpkg --print-architecture)"
done >"$work/status"
{
    apt-config dump | grep '^Acquire::' | grep -v '^Acquire::Languages'
    cat <<CONF
Dir::State "$work/state";
Dir::State::status "$work/status";
Dir::Cache "$work/cache";
Dir::Cache::archives "$work/debs";
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Log "$work";
Acquire::Languages "none";
APT::Sandbox::User "";
APT::Install-Recommends "false";
Debug::NoLocking "true";
CONF
} >"$work/apt.conf"
export APT_CONFIG="$work/apt.conf"
apt-get -qq update >"$work/log" 2>&1 || { tail -n 1 "$work/log"; exit 2; }
apt-get -q -y --download-only -t unstable install git >"$work/log" 2>&1 || { tail -n 1 "$work/log"; exit 2; }
for deb in "$work"/debs/*.deb; do dpkg-deb -x "$deb" "$work/root"; done
loader=$(find "$work/root" \( -name 'ld-linux*.so.*' -o -name 'ld64.so.*' \) | head -n 1)
libraries=$(find "$work/root" -name '*.so.*' -exec dirname {} + | sort -u | paste -s -d : -)
cat >"$work/git" <<SCRIPT
#!/bin/sh
exec "$loader" --library-path "$libraries" "$work/root/usr/bin/git" "\$@"
SCRIPT
chmod +x "$work/git"
git() { "$work/git" "$@"; }

export HOME="$work/home" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_TEMPLATE_DIR= GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.org \
    GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.org GIT_EXEC_PATH="$work"
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
export PATH="$work:$PATH"
version=$(git version)
unset APT_CONFIG
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q --disable-pip-version-check install dulwich==1.2.21 GitPython==3.2.1 pygit2==1.21.0 2>/dev/null
mkdir "$work/npm"
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$work/npm" isomorphic-git@1.44.19 >/dev/null 2>&1
start() { # main is on `work`, linked on `linked`, which has a commit more
    cd "$work"
    rm -rf main linked
    git init -q --ref-format=reftable -b work main
    git -C main commit -q --allow-empty -m first
    git -C main branch other
    git -C main tag v1
    git -C main worktree add -q -b linked ../linked 2>/dev/null
    git -C linked commit -q --allow-empty -m second
}
python() { "$work/venv/bin/python" - "$@"; }
on() { echo "main on $(git -C main symbolic-ref --short HEAD), linked on $(git -C linked symbolic-ref --short HEAD)"; }
start
at="git: $(on)"
read_by_dulwich=$(
    for place in main linked; do
        python "$place" <<'SCRIPT'
import sys
from dulwich import porcelain
from dulwich.repo import Repo
place = sys.argv[1]
names = b" ".join(sorted(porcelain.branch_list(place))).decode()
print(f"{place} on {porcelain.active_branch(place).decode()} at {Repo(place)[Repo(place).head()].message.decode().strip()}, branches {names}; ", end="")
SCRIPT
    done
)
written_by_dulwich=$(
    python <<'SCRIPT'
from dulwich import porcelain
from dulwich.errors import CommitError
from dulwich.repo import Repo
porcelain.tag_create("linked", b"by-dulwich")
Repo("linked").refs.set_symbolic_ref(b"HEAD", b"refs/heads/other")
try:
    porcelain.commit("main", message=b"by dulwich")
    print("commit: made", end="")
except CommitError as error:
    print(f"commit: {str(error).split(maxsplit=1)[1]}", end="")
SCRIPT
)
written_by_dulwich="$written_by_dulwich; tag_create in linked: $(git -C main log -1 --format=%s by-dulwich); set_symbolic_ref in linked: $(on)"
start
by_git_python=$(
    python <<'SCRIPT'
import git
repo = git.Repo("linked")
print(f"branches {len(repo.heads)}, tags {len(repo.tags)}", end="")
SCRIPT
)
by_pygit2=$(
    python <<'SCRIPT'
import pygit2
try:
    print(pygit2.Repository("main").head.name, end="")
except pygit2.GitError as error:
    print(str(error).removeprefix("main: "), end="")
SCRIPT
)
cat >"$work/npm/read.mjs" <<'SCRIPT'
import fs from 'fs';
import git from 'isomorphic-git';
const main = { fs, dir: 'main' };
const branch = await git.currentBranch(main), branches = await git.listBranches(main);
await git.branch({ ...main, ref: 'made' });
console.log(`main on ${branch}, branches ${branches.length}`);
SCRIPT
by_isomorphic="$(node "$work/npm/read.mjs"), branch(): $(git -C main rev-parse -q --verify refs/heads/made >/dev/null && echo made || echo 'nothing made')"
told="$at
dulwich: $read_by_dulwich$written_by_dulwich
GitPython: $by_git_python; pygit2: $by_pygit2; isomorphic-git: $by_isomorphic"
printf '%s: %s\n' "$version" "$told"
expected='git: main on work, linked on linked
dulwich: main on work at first, branches inked ork ther; linked on work at first, branches inked ork ther; commit: changed during commit; '
expected="${expected}tag_create in linked: first; set_symbolic_ref in linked: main on other, linked on linked
GitPython: branches 0, tags 0; pygit2: unsupported extension name extensions.refstorage; \
isomorphic-git: main on .invalid, branches 0, branch(): nothing made"
[ "$told" = "$expected" ] || { echo "this has changed"; exit 1; }
