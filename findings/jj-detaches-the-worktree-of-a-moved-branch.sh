#!/bin/sh
# jj (Jujutsu) 0.46.0 (Debian's package 0.46.0-2, or a newer one), colocated in a git repository (`jj git init --colocate`) with a linked
# git worktree, in which a branch is checked out:
# - When jj moves that branch (`jj bookmark set`, or by itself where a commit of it is rewritten, as by `jj describe`), it detaches HEAD in
#   the worktree and does not say so. Index and files stay, and `git status` there is clean.
# - The next `git commit` in the worktree goes onto no branch: the branch lacks it, and once the worktree is removed nothing names it.
# - A branch that jj leaves where it was stays checked out. `git branch -f` refuses a branch that is checked out elsewhere.
# - So ask `git symbolic-ref HEAD` before a commit in a worktree beside jj, and before the worktree is removed.
# A good guess was that jj refuses such a branch, or moves it under the worktree as `git update-ref` does.
# Output seen: `untouched: on topic, clean; set: detached, clean; rewritten: detached, clean, topic moved: yes; the next commit: on no
# branch; branch -f: refused`.
# The jj is taken by apt from the mirror that this machine has its Debian from, unpacked into a temp folder, and run there with
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
for package in perl liberror-perl; do
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
apt-get -q -y --download-only -t unstable install jujutsu >"$work/log" 2>&1 || { tail -n 1 "$work/log"; exit 2; }
for deb in "$work"/debs/*.deb; do dpkg-deb -x "$deb" "$work/root"; done
loader=$(find "$work/root" \( -name 'ld-linux*.so.*' -o -name 'ld64.so.*' \) | head -n 1)
libraries=$(find "$work/root" -name '*.so.*' -exec dirname {} + | sort -u | paste -s -d : -)
cat >"$work/jj" <<SCRIPT
#!/bin/sh
exec "$loader" --library-path "$libraries" "$work/root/usr/bin/jj" "\$@"
SCRIPT
chmod +x "$work/jj"
jj() { "$work/jj" "$@" >"$work/log" 2>&1 || { cat "$work/log"; exit 2; }; }

export HOME="$work/home" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_TEMPLATE_DIR= GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.org \
    GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.org JJ_CONFIG="$work/jj.toml"
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
printf '[user]\nname = "t"\nemail = "t@example.org"\n' >"$work/jj.toml"
version=$("$work/jj" --version)
start() { # a repository of git with a worktree on the branch `topic`, then of jj too
    cd "$work"
    rm -rf main linked
    git init -q -b main main
    cd main
    echo first >first
    git add .
    git commit -q -m first
    git worktree add -q -b topic ../linked 2>/dev/null
    echo second >../linked/second
    git -C ../linked add .
    git -C ../linked commit -q -m second
    jj git init --colocate
    before=$(git rev-parse topic)
}
state() {
    branch=$(git -C ../linked symbolic-ref -q --short HEAD) && place="on $branch" || place=detached
    [ "$(git -C ../linked rev-parse HEAD)" = "$before" ] || place="$place, moved"
    [ -z "$(git -C ../linked status --porcelain)" ] && echo "$place, clean" || echo "$place, changed"
}
start
jj new main -m other
untouched=$(state)
jj new topic -m more
jj bookmark set topic -r @
set=$(state)
git branch -f main "$before" 2>/dev/null
git worktree add -q ../more main 2>/dev/null
git branch -f main topic 2>/dev/null && force=done || force=refused
git worktree remove ../more
start
jj describe topic -m renamed
rewritten=$(state)
git -C ../linked commit -q --allow-empty -m third
made=$(git -C ../linked rev-parse HEAD)
[ "$(git rev-parse topic)" = "$before" ] && moved=no || moved=yes
[ -z "$(git branch --contains "$made" --format='%(refname:short)' | grep -v HEAD)" ] && third="on no branch" || third="on a branch"
told="untouched: $untouched; set: $set; rewritten: $rewritten, topic moved: $moved; the next commit: $third; branch -f: $force"
echo "$version: $told"
[ "$told" = "untouched: on topic, clean; set: detached, clean; rewritten: detached, clean, topic moved: yes; the next commit: on no branch; branch -f: refused" ] ||
    { echo "this has changed"; exit 1; }
