#!/bin/sh
# OpenSSH 10.6p1 (Debian's package 1:10.6p1-1, or a newer one; 9.2p1 does the same), and a second `ssh -M -N -f HOST` (`ControlMaster=yes`)
# while a first one holds its `ControlPath`:
# - The second connects, says "ControlSocket … already exists, disabling multiplexing" (at the usual LogLevel), exits with 0 and leaves a
#   process in the background, that of a whole connection, which no socket names.
# - `-O check` and `-O exit` reach the first only. When that has ended, the second does not take the path over: `-O check` says that
#   there is no master, and the second stays until it is killed or the server goes.
# - `ControlMaster=auto` uses the first's connection.
# - So who starts a master "to be sure" leaves a connection behind each time. Ask `-O check` before.
# A good guess was that it fails, or that -f with nothing to do for it ends.
# Output seen: `second: exit 0, disabling multiplexing; connections: 2; after -O exit: 1 left, master: none`.
# The ssh is taken by apt from the mirror that this machine has its Debian from, unpacked into a temp folder, and run there with the C
# library of its own suite, against the sshd of this machine, on 127.0.0.1.
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
{
    apt-config dump | grep '^Acquire::' | grep -v '^Acquire::Languages'
    cat <<CONF
Dir::State "$work/state";
Dir::State::status "/dev/null";
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
apt-get -q -y --download-only -t unstable install openssh-client >"$work/log" 2>&1 || { tail -n 1 "$work/log"; exit 2; }
for deb in "$work"/debs/*.deb; do dpkg-deb -x "$deb" "$work/root"; done
loader=$(find "$work/root" \( -name 'ld-linux*.so.*' -o -name 'ld64.so.*' \) | head -n 1)
libraries=$(find "$work/root" -name '*.so.*' -exec dirname {} + | sort -u | paste -s -d : -)
cat >"$work/ssh" <<SCRIPT
#!/bin/sh
exec "$loader" --library-path "$libraries" "$work/root/usr/bin/ssh" "\$@"
SCRIPT
chmod +x "$work/ssh"

second=''
[ -x /usr/sbin/sshd ] && command -v ssh-keygen >/dev/null && command -v python3 >/dev/null || { echo "needs sshd, ssh-keygen, python3"; exit 2; }
cd "$work"
for key in host one two; do ssh-keygen -q -t ed25519 -N "" -C "" -f "$key"; done
for key in one two; do echo "restrict,command=\"echo $key\" $(cat "$key.pub")"; done >authorized
port=$(python3 -c "import socket; s = socket.socket(); s.bind((\"127.0.0.1\", 0)); print(s.getsockname()[1])")
cat >server <<CONF
ListenAddress 127.0.0.1
Port $port
HostKey $work/host
AuthorizedKeysFile $work/authorized
StrictModes no
PidFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
CONF
cat >config <<CONF
Host one
    IdentityFile $work/one
Host two
    IdentityFile $work/two
Host *
    HostName 127.0.0.1
    Port $port
    IdentitiesOnly yes
    IdentityAgent none
    UserKnownHostsFile $work/known
    StrictHostKeyChecking accept-new
    LogLevel ERROR
    ControlPath $work/%C
CONF
ssh() { "$work/ssh" -F config "$@" </dev/null; }
/usr/sbin/sshd -D -f "$work/server" -E "$work/log" &
server=$!
trap 'ssh -O exit one 2>/dev/null || true; kill $server $second 2>/dev/null || true; rm -rf "$work"' EXIT
tries=0
until [ "$(ssh one 2>/dev/null)" = one ]; do
    tries=$((tries + 1))
    [ $tries -lt 50 ] || { tail -n 1 log; exit 2; }
    sleep 0.2
done
version=$("$work/ssh" -V 2>&1 | cut -d , -f 1)
masters() { # the processes in the background, by the folder in their arguments
    for process in /proc/[0-9]*; do
        arguments=$({ tr '\0' ' ' <"$process/cmdline"; } 2>/dev/null) || continue
        case $arguments in *"$work/root/usr/bin/ssh -F config"*" -M -N -f "*) echo "${process#/proc/}" ;; esac
    done
}
count() { masters | wc -l | tr -d ' '; }
ssh -M -N -f one >/dev/null 2>&1
ssh -M -N -f -o LogLevel=INFO one >/dev/null 2>said && code=0 || code=$?
second=$(masters)
said=$(grep -o 'disabling multiplexing' said) || said=nothing
both=$(count)
ssh -O exit one 2>/dev/null
tries=0
while [ "$(count)" -gt 1 ] && [ $tries -lt 50 ]; do
    tries=$((tries + 1))
    sleep 0.1
done
left=$(count)
ssh -O check one 2>/dev/null && master=there || master=none
echo "$version: second: exit $code, $said; connections: $both; after -O exit: $left left, master: $master"
[ "$code $said $both $left $master" = "0 disabling multiplexing 2 1 none" ] || { echo "this has changed"; exit 1; }
