#!/bin/sh
# git 2.55.0 (Debian's package 1:2.55.0-1, or a newer one) and `git push GROUP`, new in 2.55, where `remotes.GROUP` names several remotes; its
# manual says that it is as if the push had been asked for once for each of them:
# - A bare `--force-with-lease` is left out, without a word. A rewritten branch is rejected by each hub as "non-fast-forward", with the
#   advice to pull, which would bring the old commits back. With one remote it is taken.
# - With the ref named (`--force-with-lease=main`) it is in force, for each hub by what is known of that hub, and so is a value.
# - `--force`, push options and `--dry-run` are handed on, and `--atomic` is refused by name.
# A good guess was that what is not refused is handed on.
# Output seen: `bare, one remote: taken, group: not taken: non-fast-forward; of main: taken; of main, wrong: not taken: stale info; force: taken;
# option: arrives; dry run: not taken; --atomic: refused`.
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
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
for name in upload-pack receive-pack; do # git calls them by these names
    printf '#!/bin/sh\nexec "%s/git" %s "$@"\n' "$work" "$name" >"$work/git-$name"
    chmod +x "$work/git-$name"
done
export PATH="$work:$PATH"
version=$(git version)
start() { # two hubs that write down the option of a push and have `main`, which is then rewritten here
    cd "$work"
    rm -rf hubs main
    mkdir hubs
    git init -q -b main main
    cd main
    git config remotes.all 'one two'
    git commit -q --allow-empty -m first
    for hub in one two; do
        git init -q --bare "../hubs/$hub"
        git -C "../hubs/$hub" config receive.advertisePushOptions true
        mkdir -p "../hubs/$hub/hooks"
        printf '#!/bin/sh\necho "${GIT_PUSH_OPTION_0-}" >option\n' >"../hubs/$hub/hooks/post-receive"
        chmod +x "../hubs/$hub/hooks/post-receive"
        git remote add "$hub" "../hubs/$hub"
        git push -q "$hub" main
    done
    git commit -q --allow-empty --amend -m rewritten
}
push() { # ARG...: whether all that were asked then have it
    hubs='one two'
    case " $* " in *' one '*) hubs=one ;; esac
    git push "$@" >"$work/log" 2>&1 || :
    for hub in $hubs; do
        [ "$(git -C "../hubs/$hub" rev-parse main)" = "$(git rev-parse main)" ] && echo taken ||
            echo "not taken$(sed -n 's/.*\[rejected\].*(\(.*\))/: \1/p' "$work/log" | sort -u)"
    done | sort -u | paste -s -d ' '
}
start
told="bare, one remote: $(push --force-with-lease one main)"
start
told="$told, group: $(push --force-with-lease all main)"
told="$told; of main: $(push --force-with-lease=main all main)"
start
other=$(git commit-tree -m other 'HEAD^{tree}')
told="$told; of main, wrong: $(push --force-with-lease="main:$other" all main)"
told="$told; force: $(push --force -o hello all main)"
told="$told; option: $(grep -q hello ../hubs/two/option && echo arrives || echo missing)"
git commit -q --allow-empty -m second
told="$told; dry run: $(push --dry-run all main)"
git push --atomic all main >"$work/log" 2>&1 && atomic=made || atomic=refused
told="$told; --atomic: $atomic"
echo "$version: $told"
[ "$told" = "bare, one remote: taken, group: not taken: non-fast-forward; of main: taken; of main, wrong: not taken: stale info; \
force: taken; option: arrives; dry run: not taken; --atomic: refused" ] || { echo "this has changed"; exit 1; }
