#!/bin/sh
# git 2.55.0 (Debian's package 1:2.55.0-1, or a newer one) and `git push --mirror`, `git clone --mirror` and `git bundle create … --all` in
# a linked worktree, of which git-worktree(1) says that `refs/bisect`, `refs/worktree` and `refs/rewritten` are not shared:
# - All three take along what that worktree has there, under plain names. A bisect that is going on is published.
# - A mirror push from another worktree, or from the main checkout, deletes it at the remote, since it is not there in that worktree:
#   two worktrees that push so undo each other's, each time.
# - `git push --all` and a refspec for `refs/heads/*` leave them at home; so does a mirror push from the main checkout while nothing
#   of the kind is there.
# A good guess was that what git keeps for one worktree stays on this machine.
# Output seen: `push from linked: bisect worktree; then from main: none; clone of linked: bisect worktree; bundle: bisect worktree;
# push --all: none`.
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
for name in upload-pack receive-pack; do # git calls them by these names
    printf '#!/bin/sh\nexec "%s/git" %s "$@"\n' "$work" "$name" >"$work/git-$name"
    chmod +x "$work/git-$name"
done
export PATH="$work:$PATH"
version=$(git version)
mkdir "$work/top"
cd "$work/top"
git init -q main
for text in one two three four; do git -C main commit -q --allow-empty -m "$text"; done
git -C main worktree add -q ../linked 2>/dev/null
git -C linked update-ref refs/worktree/mine HEAD
git -C linked bisect start HEAD HEAD~3 >/dev/null
for name in mirror heads; do git init -q --bare "$name"; done
private() { sed -n 's#.*refs/\(bisect\|worktree\)/.*#\1#p' | sort -u | paste -s -d ' ' | sed 's/^$/none/'; }
there() { git -C "$1" for-each-ref | private; }
git -C linked push -q --mirror ../mirror
pushed=$(there mirror)
git -C main push -q --mirror ../mirror
deleted=$(there mirror)
git clone -q --mirror linked cloned
cloned=$(there cloned)
git -C linked bundle create -q ../bundle --all
bundled=$(git bundle list-heads bundle | private)
git -C linked push -q --all ../heads
all=$(there heads)
told="push from linked: $pushed; then from main: ${deleted:-none}; clone of linked: $cloned; bundle: $bundled; push --all: ${all:-none}"
echo "$version: $told"
[ "$told" = "push from linked: bisect worktree; then from main: none; clone of linked: bisect worktree; bundle: bisect worktree; push --all: none" ] ||
    { echo "this has changed"; exit 1; }
