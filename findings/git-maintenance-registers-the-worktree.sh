#!/bin/sh
# git 2.55.0 (Debian's package 1:2.55.0-1, or a newer one; 2.39.5 does the same) and `git maintenance register`, which `git maintenance start`
# does too, in a linked worktree:
# - The list `maintenance.repo` gets the folder of that worktree, not the repository's. `git worktree remove` leaves it there.
# - After that nothing maintains the repository any more, and the scheduled call ends with an error each time, on
#   "cannot change to …: No such file or directory". In the main checkout `git maintenance unregister` says that it is not registered.
# - Registered from several worktrees, the repository is in the list once for each, and each scheduled call maintains it so many times.
# - `git -C MAIN maintenance register` is right. To take out what is gone: `git config --global --fixed-value --unset maintenance.repo FOLDER`.
# A good guess was that the repository, which the manual says is added, is one thing for all its worktrees.
# Output seen: `registered in both: main linked, maintained 2 times; in linked only: linked; after its removal: linked, exit 1, maintained 0
# times; unregister in main: not registered`.
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

mkdir -p "$work/top"
export HOME="$work/home" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL="$work/global" GIT_TEMPLATE_DIR= GIT_AUTHOR_NAME=t \
    GIT_AUTHOR_EMAIL=t@example.org GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.org GIT_EXEC_PATH="$work"
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
version=$(git version)
cd "$work/top"
git init -q main
git -C main commit -q --allow-empty -m first
git -C main worktree add -q ../linked 2>/dev/null
listed() { git config --global --get-all maintenance.repo | sed 's#.*/##' | paste -s -d ' '; }
scheduled() { # the call that the scheduler of `git maintenance start` makes, with the work that is told instead of done
    code=0
    git for-each-repo --keep-going --config=maintenance.repo rev-parse --git-common-dir >"$work/done" 2>"$work/log" || code=$?
    runs=$(wc -l <"$work/done" | tr -d ' ')
}
git -C main maintenance register
git -C linked maintenance register
both=$(listed)
scheduled
twice=$runs
git -C main maintenance unregister
alone=$(listed)
git -C main worktree remove ../linked
left=$(listed)
scheduled
reason=$(grep -o 'cannot change to' "$work/log" | head -n 1)
git -C main maintenance unregister 2>"$work/log" && unregister=done || unregister=$(grep -o 'not registered' "$work/log")
echo "$version: registered in both: $both, maintained $twice times; in linked only: $alone; after its removal: $left, exit $code ($reason), maintained $runs times; unregister in main: $unregister"
[ "$both, $twice, $alone, $left, $code, $reason, $runs, $unregister" = "main linked, 2, linked, linked, 1, cannot change to, 0, not registered" ] ||
    { echo "this has changed"; exit 1; }
