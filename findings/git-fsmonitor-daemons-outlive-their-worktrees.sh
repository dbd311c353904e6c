#!/bin/sh
# git 2.55.0 (Debian's package 1:2.55.0-1, or a newer one) on Linux with `core.fsmonitor=true`, whose daemon a call such as `git status`
# starts by itself in each worktree:
# - The daemon of a linked worktree goes on after `git worktree remove`, which says nothing of it; a process of 11 threads that holds
#   one of the inotify instances of the user (by default 128, for all programs). A new worktree at the same place gets a new daemon.
# - `git fsmonitor--daemon stop` in the worktree before does not help: the check that `git worktree remove` makes starts the next one.
#   With `git -c core.fsmonitor=false worktree remove` after the stop none is left.
# - After `rm -r` of a linked worktree and `git worktree prune` it stays too. Only the main checkout's ends when the repository goes.
# - No `git fsmonitor--daemon` reaches one that was left: it is asked through a socket in the folder that was removed.
# A good guess was that the daemon ends with what it watches, as the main checkout's does, or at least that a stopped one stays stopped.
# Output seen: `remove: left; rm -r and prune: left; stop, remove: left; stop, remove without: gone; main's with its repository: gone`.
# The git is taken by apt from the mirror that this machine has its Debian from, unpacked into a temp folder, and run there with
# the C library of its own suite. It ends the daemons that it finds left, by their ids.
set -eu
for tool in pgrep apt-get apt-cache apt-config dpkg dpkg-deb; do
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
daemons() { pgrep -f "^$work/root/.*fsmonitor--daemon run" || true; } # the ids of those that this script's git has started
end() { for id in $(daemons); do kill "$id" 2>/dev/null || true; done; }
trap 'end; rm -rf "$work"' EXIT
left() { # five seconds to end by itself
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        [ -n "$(daemons)" ] || { echo gone; return; }
        sleep 0.5
    done
    echo left
}
start() { # a daemon in the linked worktree, and none in the main checkout
    end
    while [ -n "$(daemons)" ]; do sleep 0.1; done
    cd "$work"
    rm -rf main tree
    git init -q -b mine main
    git -C main commit -q --allow-empty -m first
    git -C main worktree add -q "$work/tree" 2>/dev/null
    git -C main config core.fsmonitor true
    [ "$1" = main ] || cd tree
    [ "$1" != main ] || cd main
    git status >/dev/null
    git fsmonitor--daemon status >/dev/null || { echo "no daemon here"; exit 2; }
    cd "$work"
}
start tree
git -C main worktree remove ../tree
remove=$(left)
start tree
rm -r tree
git -c core.fsmonitor=false -C main worktree prune
prune=$(left)
start tree
git -C tree fsmonitor--daemon stop
stopped=$(left)
git -C main worktree remove ../tree
again=$(left)
start tree
git -C tree fsmonitor--daemon stop
git -c core.fsmonitor=false -C main worktree remove ../tree
without=$(left)
start main
rm -r main
whole=$(left)
echo "$version: remove: $remove; rm -r and prune: $prune; stop, remove: $again; stop, remove without: $without; main's with its repository: $whole"
[ "$stopped $remove $prune $again $without $whole" = "gone left left left gone gone" ] || { echo "this has changed"; exit 1; }
