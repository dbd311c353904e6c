#!/bin/sh
# git 2.55.0 (Debian's package 1:2.55.0-1, or a newer one), hooks from the configuration (`hook.<name>.event`, "See githooks(5) for a complete
# list of hook events"), and `proc-receive`, by which a hub takes pushes to `refs/for/…` as requests (`receive.procReceiveRefs`):
# - Configured for `proc-receive`, `git hook list proc-receive` names it, but a push never runs it: that ref is rejected with "fail to run
#   proc-receive hook". `pre-receive`, `update`, `post-receive` and `post-update` of the same hub run from the configuration.
# - As a script in the hub's hooks folder it works, beside those.
# - So a hub that has its hooks in one configuration for all its repositories needs a script in each of them for this one.
# A good guess was that what `git hook list` lists for an event runs at that event.
# Output seen: `configured: listed, pre-receive update post-receive post-update, rejected: fail to run proc-receive hook; in the folder:
# pre-receive proc-receive update post-receive post-update, taken`.
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
    GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.org GIT_EXEC_PATH="$work" PATH="$work:$PATH"
version=$(git version)
cat >"$work/proc-receive" <<'PYTHON'
#!/usr/bin/env python3
"""Takes each push as it is: version, commands, a report of each (gitprotocol: pkt-lines)."""
import os
import sys

def lines():
    while (size := int(sys.stdin.buffer.read(4), 16)) > 4:
        yield sys.stdin.buffer.read(size - 4).rstrip(b"\n")

def say(*texts):
    for text in texts:
        sys.stdout.buffer.write(b"%04x" % (len(text) + 4) + text)
    sys.stdout.buffer.write(b"0000")
    sys.stdout.buffer.flush()

with open(os.environ["RAN"], "a") as file:
    print("proc-receive", file=file)
list(lines())
say(b"version=1\0")
say(*(b"ok " + command.split(b" ")[2] for command in list(lines())))
PYTHON
chmod +x "$work/proc-receive"
export RAN="$work/ran"
start() {
    cd "$work"
    rm -rf hub main
    : >ran
    git init -q --bare hub
    git -C hub config receive.procReceiveRefs refs/for
    for event in pre-receive update post-receive post-update; do
        git -C hub config "hook.my-$event.event" "$event"
        git -C hub config "hook.my-$event.command" "cat >/dev/null; echo $event >>'$RAN'; :"
    done
    git init -q -b mine main
    cd main
    git commit -q --allow-empty -m first
}
push() {
    git push --receive-pack='git receive-pack' ../hub HEAD:refs/heads/mine HEAD:refs/for/mine >"$work/log" 2>&1 && result=taken || result="rejected: $(sed -n 's/.*(\(fail .*\))$/\1/p' "$work/log")"
    echo "$(uniq "$RAN" | paste -s -d ' ' -), $result"
}
start
git -C ../hub config hook.my-proc.event proc-receive
git -C ../hub config hook.my-proc.command "$work/proc-receive"
[ "$(git -C ../hub hook list proc-receive)" = my-proc ] && listed=listed || listed='not listed'
configured=$(push)
start
mkdir -p ../hub/hooks
cp ../proc-receive ../hub/hooks/proc-receive
folder=$(push)
echo "$version: configured: $listed, $configured; in the folder: $folder"
[ "$listed, $configured; $folder" = "listed, pre-receive update post-receive post-update, rejected: fail to run proc-receive hook; \
pre-receive proc-receive update post-receive post-update, taken" ] || { echo "this has changed"; exit 1; }
