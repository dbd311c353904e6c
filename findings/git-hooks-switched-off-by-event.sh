#!/bin/sh
# git 2.55.0 (Debian's package 1:2.55.0-1, or a newer one) and `hook.<event>.enabled=false`, of which git-config(1) says: "When
# set to false, no hooks fire for that event":
# - It switches off the hooks of the configuration only. The script in the hooks folder runs all the same, and `git hook list` names it.
# - `core.hooksPath=/dev/null`, the usual way to have no hooks, does the opposite: the script is left out, and the hooks of the
#   configuration run.
# - So whoever wants a git call without hooks needs both; either one alone was a good guess.
# Output seen: `neither: configured folder`, `event off: folder`, `path away: configured`, `both: none`.
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
    GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.org
version=$(git version)
git init -q "$work/top"
cd "$work/top"
mkdir -p .git/hooks
printf '#!/bin/sh\necho folder >>%s\n' "$work/ran" >.git/hooks/pre-commit
chmod +x .git/hooks/pre-commit
git config hook.mine.command "echo configured >>$work/ran"
git config hook.mine.event pre-commit
ran() {
    : >"$work/ran"
    git "$@" commit -q --allow-empty -m x 2>"$work/log" || { cat "$work/log"; exit 2; }
    paste -s -d ' ' "$work/ran"
}
neither=$(ran -c user.x=y)
event=$(ran -c hook.pre-commit.enabled=false)
path=$(ran -c core.hooksPath=/dev/null)
both=$(ran -c hook.pre-commit.enabled=false -c core.hooksPath=/dev/null)
listed=$(git -c hook.pre-commit.enabled=false hook list pre-commit)
echo "$version: neither: $neither; event off: $event; path away: $path; both: ${both:-none}; listed with the event off: $listed"
[ "$neither" = "configured folder" ] && [ "$event" = folder ] && [ "$path" = configured ] && [ -z "$both" ] || { echo "this has changed"; exit 1; }
