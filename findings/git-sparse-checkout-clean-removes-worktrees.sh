#!/bin/sh
# git 2.55.0 (Debian's package 1:2.55.0-1, or a newer one), `git sparse-checkout clean`, and a linked worktree in a folder of the repository
# that has a tracked file and is outside of the sparse checkout, as `.claude` often is, with `.claude/settings.json` and, by
# `claude --worktree`, `.claude/worktrees/NAME`:
# - `clean -f` takes the folder with the worktree in it: files that were never added, changes that were never committed, and a worktree that
#   is locked (`git worktree lock`) all the same; so too a repository of its own that lies there, commits and all.
# - It says "Removing .claude/", and so does `--dry-run`; neither tells of a worktree or a repository. `git worktree list` keeps the entry.
# - `git clean -f -d -x` leaves both, by its manual until `-f` is given twice; `git worktree remove -f` refuses the locked one.
#   `git sparse-checkout set` leaves both, with a warning that there are untracked files, which invites one to clean.
# - A folder without tracked files (`.worktrees`) is left alone. So keep worktrees in such a one, or beside the repository.
# A good guess was that it goes by the rules of `git clean`, whose `clean.requireForce` it minds, or by the lock.
# Output seen: `set: one two own three; clean -f -d -x: one two own three; worktree remove -f of the locked: refused; dry run: Would remove
# .claude/; clean -f: Removing .claude/: three; listed: 4` (one, locked two: worktrees in `.claude`; own: a repository there; three: in `.worktrees`).
# The git is taken by apt from the mirror that this machine has its Debian from, unpacked into a temp folder, and run there with
# the C library of its own suite.
set -eu
for tool in apt-get apt-cache apt-config dpkg dpkg-deb; do
    command -v "$tool" >/dev/null || { echo "needs Debian's $tool"; exit 2; }
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
version=$(git version)
cd "$work"
git init -q -b main main
cd main
mkdir .claude src
echo '{}' >.claude/settings.json
: >src/file
git add .
git commit -q -m first
for place in .claude/worktrees/one .claude/worktrees/two .worktrees/three; do
    git worktree add -q "$place" 2>/dev/null
    echo unsaved >"$place/unsaved"
done
git worktree lock .claude/worktrees/two
git init -q .claude/own
git -C .claude/own commit -q --allow-empty -m 'nowhere else'
there() {
    left=''
    for place in .claude/worktrees/one .claude/worktrees/two .claude/own .worktrees/three; do
        [ -e "$place/unsaved" ] || [ -d "$place/.git" ] && left="$left ${place##*/}"
    done
    echo "${left# }"
}
git sparse-checkout set src 2>/dev/null
set=$(there)
git clean -q -f -d -x
cleaned=$(there)
locked=$(git worktree remove -f .claude/worktrees/two 2>/dev/null && echo removed || echo refused)
dry=$(git sparse-checkout clean --dry-run | paste -s -d ' ')
said=$(git sparse-checkout clean -f | paste -s -d ' ')
told="set: $set; clean -f -d -x: $cleaned; worktree remove -f of the locked: $locked; dry run: $dry; clean -f: $said: $(there)"
told="$told; listed: $(git worktree list --porcelain | grep -c '^worktree ')"
echo "$version: $told"
[ "$told" = "set: one two own three; clean -f -d -x: one two own three; worktree remove -f of the locked: refused; \
dry run: Would remove .claude/; clean -f: Removing .claude/: three; listed: 4" ] || { echo "this has changed"; exit 1; }
