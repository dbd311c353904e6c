#!/bin/sh
# git 2.55.0 (Debian's package 1:2.55.0-1, or a newer one; 2.39.5 does the same for files) and a `reference-transaction` hook that keeps a list
# of the refs by what it is told as "committed"; githooks(5): it is "invoked by any Git command that performs reference updates":
# - Of `git branch -m old new` it is told that `old` was deleted, never that there is a `new`. With the reftable format it is told nothing.
# - `git branch -c one two`, which makes a branch, is told in neither format, nor is the branch that `git branch -M` puts in another's place.
# - HEAD, where the renamed branch is checked out, is told in both, as `ref:refs/heads/new`: a branch of which nothing was told.
# - `git update-ref`, `git branch`, `git fetch` and `git remote rename` are told with every name.
# - So such a list has to be held against `git for-each-ref` now and then; the hook alone does not tell which branches there are.
# A good guess was that a rename is told as a deletion and a creation, as `git remote rename` is, and in both formats alike.
# Output seen: `files: -m: -old; -c: nothing; -M: -new, -one; remote rename: +p/mine, -o/mine; list: mine, branches: mine new; reftable: -m:
# nothing; -c: nothing; -M: nothing; remote rename: +p/mine, -o/mine; list: mine old, branches: mine new`.
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
cat >"$work/hook" <<'HOOK'
#!/bin/sh
[ "$1" = committed ] || exit 0
while read -r _ new ref; do
    case $ref in refs/heads/* | refs/remotes/*/mine) ;; *) continue ;; esac
    case $new in *[1-9a-f]*) sign=+ ;; *) sign=- ;; esac
    echo "$sign${ref#refs/*/}" >>"$told"
done
HOOK
chmod +x "$work/hook"
export told="$work/told"
told() { # what the hook was told since the last call
    sort -u "$told" >>"$work/since"
    cat "$told" >>"$work/all"
    : >"$told"
    paste -s -d , "$work/since" | sed 's/,/, /g; s/^$/nothing/'
    : >"$work/since"
}
format() {
    cd "$work"
    rm -rf main
    : >"$told" && : >"$work/since" && : >"$work/all"
    git init -q -b mine --ref-format="$1" main
    mkdir -p main/.git/hooks
    cp hook main/.git/hooks/reference-transaction
    cd main
    git commit -q --allow-empty -m first
    git branch old
    git remote add o .
    git update-ref refs/remotes/o/mine HEAD
    told >/dev/null
    git branch -m old new
    rename=$(told)
    git branch -c new one
    copy=$(told)
    git branch -M one new
    over=$(told)
    git remote rename o p 2>/dev/null
    remote=$(told)
    listed=''
    for ref in $(sed 's/^.//' "$work/all" | grep -v / | sort -u); do
        case $(grep "^[+-]$ref\$" "$work/all" | tail -n 1) in +*) listed="$listed $ref" ;; esac
    done
    there=$(git for-each-ref --format='%(refname:short)' refs/heads | paste -s -d ' ' -)
    echo "$1: -m: $rename; -c: $copy; -M: $over; remote rename: $remote; list:$listed, branches: $there"
}
seen="$(format files); $(format reftable)"
echo "$version: $seen"
expected='files: -m: -old; -c: nothing; -M: -new, -one; remote rename: +p/mine, -o/mine; list: mine, branches: mine new; '
expected="${expected}reftable: -m: nothing; -c: nothing; -M: nothing; remote rename: +p/mine, -o/mine; list: mine old, branches: mine new"
[ "$seen" = "$expected" ] || { echo "this has changed"; exit 1; }
