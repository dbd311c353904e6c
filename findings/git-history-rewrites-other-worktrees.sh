#!/bin/sh
# git 2.55.0 (Debian's package 1:2.55.0-1, or a newer one), `git history fixup` (experimental), and linked worktrees:
# - By default it moves each branch that holds the rewritten commit, as its manual says: also one that is checked out in another
#   worktree, without a word. That worktree's index and files stay as they were.
# - There the fixup then shows as a staged change that takes it back, and the next `git commit`, of an unrelated new file, reverts it.
# - `git branch -f` and `git fetch` refuse such a branch, and `git rebase --update-refs` leaves it where it is.
# - `--update-refs=head` moves the current branch only.
# A good guess was that a branch which is checked out elsewhere is refused or left, as git's other commands do.
# Output seen: `branch -f: refused; rebase: left; history: moved, other worktree: [M  old]; after its next commit: old; head only: left`.
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
    GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.org GIT_EXEC_PATH="$work" GIT_EDITOR=true
version=$(git version)
start() { # a repository of two commits, checked out on two branches
    cd "$work"
    rm -rf main tree
    git init -q -b mine main
    cd main
    for text in old newer; do
        echo "$text" >"$text"
        git add .
        git commit -q -m "$text"
    done
    git worktree add -q -b other ../tree 2>/dev/null
}
where() { [ "$(git rev-parse other)" = "$before" ] && echo left || echo moved; }
fixup() {
    echo repaired >old
    git add old
    git "$@"
}
start
before=$(git rev-parse other)
git branch -f other HEAD~1 2>/dev/null && force=done || force=refused
git commit -q --allow-empty -m later
git branch -f other HEAD 2>/dev/null && force=done
start
before=$(git rev-parse other)
fixup commit -q --fixup HEAD~1
git rebase -q -i --autosquash --update-refs --root 2>"$work/log"
rebase=$(where)
start
before=$(git rev-parse other)
fixup history fixup --update-refs=head HEAD~1
head=$(where)
start
before=$(git rev-parse other)
fixup history fixup HEAD~1
history=$(where)
status=$(git -C ../tree status --porcelain)
echo unrelated >../tree/unrelated
git -C ../tree add unrelated
git -C ../tree commit -q -m unrelated
content=$(git show other:old)
echo "$version: branch -f: $force; rebase: $rebase; history: $history, other worktree: [$status]; after its next commit: $content; head only: $head"
[ "$force $rebase $history $status $content $head" = "refused left moved M  old old left" ] || { echo "this has changed"; exit 1; }
