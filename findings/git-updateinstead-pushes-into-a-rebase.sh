#!/bin/sh
# git 2.55.0 (Debian's package 1:2.55.0-1, or a newer one; 2.39.5 does the same), `receive.denyCurrentBranch=updateInstead`, and a push to a
# branch that a worktree (linked or not) is rebasing or bisecting; git-config(1): it "will update the working tree accordingly, but refuse
# to do so if there are any uncommitted changes":
# - HEAD is then detached at some other commit, but the branch counts as checked out there. While the rebase has stopped (`edit`, `break`)
#   with nothing changed, the push is taken, and the files and the index of that worktree become those of the pushed commit.
# - HEAD stays where it was, so the whole difference is staged: what was pushed, and what the rebase had still to pick.
#   `git rebase --continue` puts it into the commit that was being edited, without a word.
# - While it bisects, the tree that is tested is then the pushed one, and its verdict is written down for the commit that HEAD names.
# - A `push-to-checkout` hook can refuse: there `git symbolic-ref -q HEAD` fails in both cases. (It then has to update the files itself.)
# A good guess was that such a push is refused, as `git branch -f` and `git fetch` into that branch are, or moves the branch only.
# Output seen: `branch -f: refused; rebase, push: taken, staged: new three two; continued, first commit: new one three two; bisect at one,
# push: taken, staged: new three two; with the hook: refused refused, at rest taken`.
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
start() { # the branch `topic` of a linked worktree has the files one, two and three; a clone has a new commit for it
    cd "$work"
    rm -rf main linked clone
    git init -q -b main main
    cd main
    git config receive.denyCurrentBranch updateInstead
    git commit -q --allow-empty -m first
    git worktree add -q -b topic ../linked 2>/dev/null
    cd ../linked
    for name in one two three; do
        : >"$name"
        git add .
        git commit -q -m "$name"
    done
    git clone -q -b topic ../main ../clone
    cd ../clone
    : >new
    git add .
    git commit -q -m new
    cd ../linked
}
push() { git -C ../clone push -q origin topic >"$work/log" 2>&1 && echo taken || echo refused; }
staged() { git diff --cached --name-only | paste -s -d ' '; }
rebase() { # stops after its first commit, with nothing changed
    GIT_SEQUENCE_EDITOR='sed -i 1s/pick/edit/' git rebase -q -i main >"$work/log" 2>&1
    [ -z "$(git status --porcelain)" ] || { echo "the rebase has changes"; exit 2; }
}
bisect() {
    git bisect start topic main >"$work/log"
    [ "$(git log -1 --format=%s)" = one ] || git checkout -q topic~2
}
start
rebase
forced=$(git branch -f topic main 2>/dev/null && echo moved || echo refused)
rebasing="$(push), staged: $(staged)"
GIT_EDITOR=true git rebase --continue >"$work/log" 2>&1 || :
first=$(git log --reverse --format=%H main.. | head -n 1)
first=$(git show --format= --name-only "$first" | paste -s -d ' ')
start
bisect
bisecting="at $(git log -1 --format=%s), push: $(push), staged: $(staged)"
hook() {
    printf '#!/bin/sh\ngit symbolic-ref -q HEAD || exit 1\nexec git read-tree -u -m "$1"\n' >../main/.git/hooks/push-to-checkout
    chmod +x ../main/.git/hooks/push-to-checkout
}
start
mkdir -p ../main/.git/hooks
hook
rebase
hooked=$(push)
git rebase --abort
bisect
hooked="$hooked $(push)"
git bisect reset >"$work/log" 2>&1
told="branch -f: $forced; rebase, push: $rebasing; continued, first commit: $first; bisect $bisecting; with the hook: $hooked, at rest $(push)"
echo "$version: $told"
[ "$told" = "branch -f: refused; rebase, push: taken, staged: new three two; continued, first commit: new one three two; \
bisect at one, push: taken, staged: new three two; with the hook: refused refused, at rest taken" ] || { echo "this has changed"; exit 1; }
