#!/bin/sh
# git 2.55.0 (Debian's package 1:2.55.0-1, or a newer one; 2.39.5 does the same), `git gc` with its defaults, and `refs/worktree/…`, which
# git-worktree(1) offers for refs of one worktree; git-gc(1) says that "anything else in the refs/* namespace" keeps its objects:
# - A gc in the main checkout or in another worktree keeps what that one's own `refs/worktree` holds, and of the others their HEAD, index
#   and reflogs only. What nothing but `refs/worktree/saved` of another worktree holds is deleted once it is two weeks old, without a word;
#   `git fsck` there finds nothing wrong. The same goes for `refs/bisect` and `refs/rewritten`. Such refs have no reflog by default.
# - The ref stays. In its worktree `git for-each-ref`, `git log --all`, `git fetch` and `git gc` then all fail, until it is deleted.
# - A gc in that very worktree keeps it, and so does a ref anywhere else (`refs/saved/…`), whoever made it.
# A good guess was that a ref keeps its objects, as the manual says, and that it is the same where gc runs (it runs by itself anywhere).
# Output seen: `gc in its own worktree: kept; in main: refs/worktree deleted, refs/bisect deleted, refs/saved kept, fsck in main: 0;
# afterwards in the worktree: for-each-ref 128, log --all 128, fetch 1, gc 128; without the refs: fetch 0`.
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
version=$(git version)
made() { # a commit that no ref holds yet
    git commit-tree -m "$1" 'HEAD^{tree}'
}
start() { # all is twenty days old, the worktree too
    cd "$work"
    rm -rf main tree
    git init -q -b mine main
    cd main
    git commit -q --allow-empty -m first
    git worktree add -q ../tree 2>/dev/null
    cd ../tree
    own=$(made own) bisect=$(made bisect) shared=$(made shared)
    git update-ref refs/worktree/saved "$own"
    git update-ref refs/bisect/bad "$bisect"
    git update-ref refs/saved/mine "$shared"
    find ../main/.git/objects -type f -exec touch -d '20 days ago' {} +
}
kept() { git -C "$work/main" cat-file -e "$1" 2>/dev/null && echo kept || echo deleted; }
code() { "$@" >"$work/log" 2>&1 && echo 0 || echo $?; }

start
git gc -q
itself=$(kept "$own")
start
cd ../main
git gc -q
main="refs/worktree $(kept "$own"), refs/bisect $(kept "$bisect"), refs/saved $(kept "$shared")"
fsck=$(code git fsck)
cd ../tree
after="for-each-ref $(code git for-each-ref), log --all $(code git log --all), fetch $(code git fetch ../main), gc $(code git gc -q)"
git update-ref -d refs/worktree/saved
git update-ref -d refs/bisect/bad
without="fetch $(code git fetch ../main)"
echo "$version: gc in its own worktree: $itself; in main: $main, fsck in main: $fsck; afterwards in the worktree: $after; without the refs: $without"
[ "$itself; $main; $fsck; $after; $without" = "kept; refs/worktree deleted, refs/bisect deleted, refs/saved kept; 0; \
for-each-ref 128, log --all 128, fetch 1, gc 128; fetch 0" ] || { echo "this has changed"; exit 1; }
