#!/bin/sh
# git 2.55.0 and jj (Jujutsu) 0.46.0 (Debian's packages 1:2.55.0-1 and 0.46.0-2, or newer ones) in one repository (`jj git init --colocate`),
# and the `change-id` that jj writes into the header of each commit, by which it knows a commit again however it was rewritten; other
# tools read it too (GitButler, Gerrit):
# - `git history split` gives it to both commits that it makes of one. For jj that is one change with two contents, "divergent", and
#   no command takes it by its name any more.
# - `git replay --advance`, which copies commits to another branch, leaves it in the copy: original and copy are divergent, too.
#   `git cherry-pick`, for which it stands in, drops it.
# - `git commit --amend`, `git history reword` and `git replay --onto` keep it. `git rebase` and `git am` drop it, so that for jj
#   the new commit is another change.
# - After a split or an advance: `jj metaedit --update-change-id COMMIT` for one of the two.
# A good guess was that git treats a header that it does not know alike in all its commands, and that no two commits of a branch share it.
# Output seen: `amend: same; reword: same; onto: same; rebase: none; cherry-pick: none; am: none; advance: same, divergent; split: same same,
# divergent, by its name: refused; after metaedit: not divergent`.
# Both are taken by apt from the mirror that this machine has its Debian from, unpacked into a temp folder, and run there with
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
apt-get -q -y --download-only -t unstable install git jujutsu >"$work/log" 2>&1 || { tail -n 1 "$work/log"; exit 2; }
for deb in "$work"/debs/*.deb; do dpkg-deb -x "$deb" "$work/root"; done
loader=$(find "$work/root" \( -name 'ld-linux*.so.*' -o -name 'ld64.so.*' \) | head -n 1)
libraries=$(find "$work/root" -name '*.so.*' -exec dirname {} + | sort -u | paste -s -d : -)
cat >"$work/git" <<SCRIPT
#!/bin/sh
exec "$loader" --library-path "$libraries" "$work/root/usr/bin/git" "\$@"
SCRIPT
chmod +x "$work/git"
git() { "$work/git" "$@"; }
cat >"$work/jj" <<SCRIPT
#!/bin/sh
exec "$loader" --library-path "$libraries" "$work/root/usr/bin/jj" "\$@"
SCRIPT
chmod +x "$work/jj"

export HOME="$work/home" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_TEMPLATE_DIR= GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.org \
    GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.org GIT_EXEC_PATH="$work" JJ_CONFIG="$work/jj.toml"
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
export PATH="$work:$PATH" GIT_EDITOR=true
printf '[user]\nname = "t"\nemail = "t@example.org"\n' >"$JJ_CONFIG"
version="$(git version), $(jj --version)"
start() { # `main` has a commit of git and one of jj with the files a and b; `other` has another of git
    cd "$work"
    rm -rf main
    git init -q -b main main
    cd main
    git commit -q --allow-empty -m first
    git branch other
    jj --quiet git init --colocate
    for name in a b; do echo "$name" >"$name"; done
    jj --quiet commit -m both
    jj --quiet bookmark set main -r @-
    git checkout -q other
    git commit -q --allow-empty -m other
    git checkout -q main
    id=$(of main)
    [ -n "$id" ] || { echo "jj has written no change-id"; exit 2; }
}
of() { git cat-file commit "$1" | sed -n '/^$/q; s/^change-id //p'; }
now() { # what the commits have of it
    for commit; do
        case $(of "$commit") in "$id") echo same ;; '') echo none ;; *) echo other ;; esac
    done | paste -s -d ' '
}
divergent() {
    jj --quiet log --no-graph -r 'divergent()' -T '"x"' | grep -q x && echo divergent || echo 'not divergent'
}
start
git commit -q --amend -m amended
told="amend: $(now main)"
start
GIT_EDITOR='sed -i s/both/reworded/' git history reword main
told="$told; reword: $(now main)"
start
git replay --onto other main~..main
told="$told; onto: $(now main)"
start
git rebase -q other
told="$told; rebase: $(now main)"
start
git checkout -q other
git cherry-pick main >/dev/null
told="$told; cherry-pick: $(now other)"
start
git format-patch -q -1 --stdout main >"$work/patch"
git checkout -q other
git am -q "$work/patch"
told="$told; am: $(now other)"
start
git replay --advance other main~..main
told="$told; advance: $(now other), $(divergent)"
start
printf 'y\nn\n' | git history split main >/dev/null
told="$told; split: $(now main~ main), $(divergent), by its name: $(jj show "$id" >/dev/null 2>&1 && echo taken || echo refused)"
jj --quiet metaedit --update-change-id main
told="$told; after metaedit: $(divergent)"
echo "$version: $told"
[ "$told" = "amend: same; reword: same; onto: same; rebase: none; cherry-pick: none; am: none; advance: same, divergent; \
split: same same, divergent, by its name: refused; after metaedit: not divergent" ] || { echo "this has changed"; exit 1; }
