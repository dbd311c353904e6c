#!/bin/sh
# OpenSSH 10.6p1 (Debian's package 1:10.6p1-1, or a newer one; 9.2p1 does the same), `ControlPath …/%C`, and two `Host` aliases of one
# server, user and port with a key each, as with two accounts of one git host:
# - %C is a hash of the host name after `HostName`, the port, the user and the jump host. Alias and key are not in it, so both aliases
#   have one socket.
# - While a connection of the first alias is kept, the second goes over it: it acts as the first's account, without a word. Afterwards,
#   or after `-O exit`, it is itself again. So with git it depends on the last seconds as whom one pushes.
# - A path with %n (the alias) keeps them apart.
# A good guess was that what is configured for an alias holds for it.
# Output seen: `alone: two; while one is kept: one; with %n: two; after one's end: two`.
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
alone=$(ssh two)
ssh -M -N -f one >/dev/null 2>&1
kept=$(ssh two)
ssh -M -N -f -o ControlPath="$work/by-%n" one >/dev/null 2>&1
apart=$(ssh -o ControlPath="$work/by-%n" two)
ssh -O exit -o ControlPath="$work/by-%n" one 2>/dev/null
ssh -O exit one 2>/dev/null
tries=0
while ssh -O check one 2>/dev/null && [ $tries -lt 50 ]; do
    tries=$((tries + 1))
    sleep 0.1
done
after=$(ssh two)
echo "$version: alone: $alone; while one is kept: $kept; with %n: $apart; after one's end: $after"
[ "$alone $kept $apart $after" = "two one two two" ] || { echo "this has changed"; exit 1; }
