"""Merges in memory, in a place of their own: the same two commits merge the same way on every node.

A quarantine is a bare git directory that reads the objects of a clone and keeps what merges make to itself. Its attributes
and drivers are `MergeRules`, its settings are fixed, and neither the user's, the system's nor the clone's configuration
reaches it. Nothing of it is left at the end but what was `kept`. Leaves to callers what an answer means for them.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from gitfleet.base import files
from gitfleet.base.processes import Completed
from gitfleet.errors import Damaged
from gitfleet.git import trees
from gitfleet.git.merge_rules import PLAIN, MergeRules
from gitfleet.git.program import Git, redact, with_settings
from gitfleet.git.writing import Pending

_TIME = 1800.0
_BATCH = 200  # merges of one process: what it says of them is kept in memory

SETTINGS = (
    ("merge.renames", "true"), ("merge.renameLimit", "7000"), ("merge.directoryRenames", "conflict"),
    ("merge.default", "text"), ("merge.renormalize", "false"), ("diff.renames", "true"), ("diff.algorithm", "histogram"),
)  # fmt: skip
"""What decides how a merge ends, at git's own defaults. `merge` and `rebase` of a worktree take these, too."""

_FIXED = (
    ("core.repositoryFormatVersion", "0"), ("core.bare", "true"), ("core.attributesFile", "/dev/null"),
    ("core.ignoreCase", "false"), ("core.precomposeUnicode", "false"), ("core.autocrlf", "false"), ("core.safecrlf", "false"),
    ("core.fsync", "none"), ("core.looseCompression", "1"), ("core.commitGraph", "true"), ("core.bigFileThreshold", "512m"),
    ("merge.conflictStyle", "merge"), ("merge.verbosity", "2"), ("gc.auto", "0"), ("maintenance.auto", "false"),
)  # fmt: skip
_ENV: Mapping[str, str | None] = {
    "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "GIT_ATTR_NOSYSTEM": "1",
    "GIT_CONFIG_PARAMETERS": None, "GIT_CONFIG_COUNT": None, "GIT_CONFIG": None, "GIT_ATTR_SOURCE": None,
    "GIT_GRAFT_FILE": None, "GIT_REPLACE_REF_BASE": None, "GIT_MERGE_VERBOSITY": None,
}  # fmt: skip
_REACHING = re.compile(
    r"(?:remote\..*\.(?:url|promisor|partialclonefilter|proxy|uploadpack)|extensions\.partialclone|core\.(?:sshcommand|gitproxy|askpass)"
    r"|(?:credential|http|https|url|protocol|ssh)\..*)$", re.DOTALL
)  # fmt: skip
_NOBODY = "gitfleet <nobody@gitfleet.invalid> 0 +0000"


class ConflictStage(NamedTuple):
    """One side of a path in conflict: `number` is 1 for the base, 2 for ours, 3 for theirs."""

    path: str
    mode: str
    oid: str
    number: int


class ConflictNote(NamedTuple):
    """What git says of one conflict. `kind` is a fixed word, such as `contents` or `modify/delete`; `words` names files."""

    kind: str
    paths: tuple[str, ...]
    words: str


class Merged(NamedTuple):
    """A merge without conflicts: its tree, which is in the quarantine only until it is kept."""

    tree: str


class Conflicted(NamedTuple):
    """A merge with conflicts. `tree` has the files with git's markers."""

    tree: str
    stages: tuple[ConflictStage, ...]
    notes: tuple[ConflictNote, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths in conflict, each once."""
        return tuple(
            dict.fromkeys(
                [stage.path for stage in self.stages] + [path for note in self.notes for path in note.paths]
            )
        )


class Unmergeable(NamedTuple):
    """Neither: why it cannot be told (an object is missing, the histories have nothing in common, git is too old)."""

    words: str
    unrelated: bool = False
    too_old: bool = False


Merge = Merged | Conflicted | Unmergeable


class Quarantine:
    """One bare directory for merges; see `quarantine`, which makes it and takes it away."""

    def __init__(self, source: Git, folder: str, rules: MergeRules) -> None:
        self._common = common_dir(source.git_dir)
        reaching = _fetching(source, self._common)
        self.git = Git(folder, env=with_settings(_ENV, reaching))  # type: ignore[arg-type]
        self.rules = rules
        self.merges = 0
        self._folder = folder
        self._trees: dict[str, str] = {}
        self._prepare()

    def _prepare(self) -> None:
        for name in ("objects/info", "refs", "info"):
            os.makedirs(os.path.join(self._folder, name), exist_ok=True)
        where = os.fsencode(os.path.join(self._common, "objects"))
        quoted = b"".join(
            b"\\%03o" % byte if byte < 32 or byte in b'"\\' else bytes([byte]) for byte in where
        )
        self._put("objects/info/alternates", b'"%s"\n' % quoted)
        self._put("info/attributes", os.fsencode(self.rules.attributes))
        self._put("config", os.fsencode(self._settings()))
        self._shallow = files.read(os.path.join(self._common, "shallow")) or b""
        if self._shallow:
            self._put("shallow", self._shallow)
        self._put("HEAD", b"ref: refs/heads/none\n")

    @property
    def is_shallow(self) -> bool:
        """Whether the clone lacks older history; then each merge takes processes of its own."""
        return bool(self._shallow)

    def _settings(self) -> str:
        rows = [*_FIXED, *SETTINGS]
        rows += [
            (f"merge.{name}.driver", driver.command)
            for name, driver in self.rules.drivers.items()
            if driver.command
        ]
        lines = []
        for key, value in rows:
            section, _, name = key.rpartition(".")
            section, _, sub = section.partition(".")
            head = f'[{section} "{_escaped(sub)}"]' if sub else f"[{section}]"
            lines.append(f'{head}\n\t{name} = "{_escaped(value)}"\n')
        return "".join(lines)

    def _put(self, name: str, data: bytes) -> None:
        with open(os.path.join(self._folder, name), "wb") as file:
            file.write(data)

    def merge(self, ours: str, theirs: str) -> Merge:
        """Merge two commits, given by their full ids. Git finds the bases."""
        return self.merge_all([(ours, theirs)])[0]

    def merge_trees(self, base: str, ours: str, theirs: str) -> Merge:
        """Bring what lies between two trees into a third (a squash, a rebased or picked commit). Commits stand for their trees.

        One base, given by the caller, hides what a merge of histories with several would find: do not land those so.
        """
        root = self.stand_in(self.tree(base))
        return self.merge(self.stand_in(self.tree(ours), root), self.stand_in(self.tree(theirs), root))

    def with_bases(self, ours: str, theirs: str) -> Merge:
        """The same merge, with what was there before among the markers of each conflict: for reading, its tree is another one."""
        data = f"{ours} {theirs}\n".encode()
        how = ("-c", "merge.conflictStyle=diff3", "merge-tree", "--write-tree", "--stdin", "-z")
        done = self.git.ask(*how, data=data, timeout=_TIME)
        answers = _answers(done.stdout)
        return answers[0] if answers else _unmergeable(done)

    def merge_all(self, pairs: Sequence[tuple[str, str]]) -> list[Merge]:
        """Merge many pairs of commits, by one process for some hundreds of them; the answers in the same order."""
        answers: list[Merge] = []
        while len(answers) < len(pairs):
            answers += self._batch(pairs[len(answers) : len(answers) + _BATCH])
        return answers

    def _batch(self, pairs: Sequence[tuple[str, str]]) -> list[Merge]:
        """Answers to the first pairs, at least to one: git ends at the first that it cannot merge."""
        if self._shallow:
            doubt = self._doubt(*pairs[0])
            if doubt is not None:
                return [doubt]
            pairs = pairs[:1]
        done = self._ask(pairs)
        answers = _answers(done.stdout)[: len(pairs)]
        self.merges += len(answers)
        return answers if len(answers) == len(pairs) else [*answers, _unmergeable(done)]

    def _ask(self, pairs: Sequence[tuple[str, str]]) -> Completed:
        data = "".join(f"{ours} {theirs}\n" for ours, theirs in pairs).encode()
        return self.git.ask("merge-tree", "--write-tree", "--stdin", "-z", data=data, timeout=_TIME)

    def _doubt(self, ours: str, theirs: str) -> Unmergeable | None:
        """Why a shallow clone cannot tell the bases of a merge: it lacks history between them and the commits."""
        found = self.git.ask("merge-base", "--all", ours, theirs, timeout=_TIME)
        bases = found.stdout.decode("ascii", "replace").split()
        beyond = self.git.ask("rev-list", ours, theirs, "--not", *bases, "--", timeout=_TIME)
        cut = set(self._shallow.split())
        if found.code == 0 and len(bases) == 1 and not beyond.code and not cut & set(beyond.stdout.split()):
            return None
        return Unmergeable(
            "this clone is shallow and lacks history that the merge needs (`git fetch --unshallow`)"
        )

    def tree(self, commit: str) -> str:
        """The tree of a commit; a tree's own id. Raises GitFailed."""
        if commit not in self._trees:
            found = self.git.run("rev-parse", "--verify", "--end-of-options", f"{commit}^{{tree}}")
            self._trees[commit] = found.decode().strip()
        return self._trees[commit]

    def know(self, commit: str, tree: str) -> None:
        """Note the tree of a commit, for whoever has asked git already."""
        self._trees[commit] = tree

    def stand_in(self, tree: str, *parents: str) -> str:
        """A commit in the quarantine that gives a tree its place in a history. The same on every node. No process."""
        rows = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        commit = self.write(
            "commit", "\n".join([*rows, f"author {_NOBODY}", f"committer {_NOBODY}", "", ""]).encode()
        )
        self._trees[commit] = tree
        return commit

    def write(self, kind: str, data: bytes) -> str:
        """Put an object into the quarantine; its id."""
        pending = Pending(self._folder)
        oid = pending.add(kind, data)
        path = self._path(oid)
        if not os.path.exists(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            aside = f"{path}.{os.getpid()}"
            with open(aside, "wb") as file:
                file.write(zlib.compress(b"%s %d\0%s" % (kind.encode(), len(data), data), 1))
            os.replace(aside, path)
        return oid

    def keep(self, oid: str) -> None:
        """Store a tree or commit of the quarantine in the clone, with all that it needs and the clone lacks; whole and durable.

        Nothing leads to it there yet: give it a ref before git prunes it (two weeks).
        """
        wanted, seen, pending = [oid], {oid}, Pending(self._common)
        while wanted:
            one = wanted.pop()
            try:
                with open(self._path(one), "rb") as file:
                    head, _, data = zlib.decompress(file.read()).partition(b"\0")
            except FileNotFoundError:  # the clone's
                continue
            except (OSError, zlib.error) as error:
                raise Damaged(
                    f"The object {one} of a merge cannot be read: {error}.", where=self._folder
                ) from error
            kind = head.split(b" ")[0].decode()
            pending.add(kind, data)
            fresh = [one for one in _needs(kind, data) if one not in seen]
            seen.update(fresh)
            wanted += fresh
        pending.flush()

    def _path(self, oid: str) -> str:
        return os.path.join(self._folder, "objects", oid[:2], oid[2:])


@contextmanager
def quarantine(source: Git, rules: MergeRules = PLAIN) -> Iterator[Quarantine]:
    """A quarantine beside the clone of `source`, gone at the end. Costs some files, no process."""
    import tempfile  # 4 ms, and a release only looks whether it needs any of this

    with tempfile.TemporaryDirectory(prefix="gitfleet-", ignore_cleanup_errors=True) as folder:
        yield Quarantine(source, folder, rules)


def _fetching(source: Git, common: str) -> list[tuple[str, str]]:
    """What a partial clone knows of its hub and of how to reach it, so that git fetches here, too, what the clone lacks.

    Nothing else of its configuration is taken over, and it stands in no file: there may be secrets in it.
    """
    if b"promisor" not in (files.read(os.path.join(common, "config")) or b"").lower():
        return []
    rows = os.fsdecode(source.run("config", "--list", "-z")).split("\0")
    found = []
    for key, _, value in (row.partition("\n") for row in rows):
        if _REACHING.match(key):
            relative = key.startswith("remote.") and key.endswith(".url") and _is_relative(value)
            found.append((key, os.path.join(source.cwd, value) if relative else value))
    return found


def _is_relative(url: str) -> bool:
    """Whether git takes an address for a path from where it runs."""
    return not url.startswith(("/", "~")) and ":" not in url.partition("/")[0]


def common_dir(git_dir: str) -> str:
    """The directory that a git directory shares with the other worktrees of its clone."""
    said = files.read(os.path.join(git_dir, "commondir"))
    return (
        git_dir if said is None else os.path.normpath(os.path.join(git_dir, os.fsdecode(said).rstrip("\n")))
    )


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _needs(kind: str, data: bytes) -> list[str]:
    """The objects that a tree or a commit names."""
    if kind == "tree":
        return [entry.oid for entry in trees.parse(data).values()]
    if kind == "commit":
        head = data.decode("utf-8", "replace").partition("\n\n")[0].split("\n")
        return [row.split(" ")[1] for row in head if row.startswith(("tree ", "parent "))]
    return []


def _answers(out: bytes) -> list[Merge]:
    """What git said of each merge, as far as it said it whole (`merge-tree --stdin -z`; there 0 means a conflict, 1 none)."""
    fields = iter(os.fsdecode(out).split("\0"))
    found: list[Merge] = []
    try:
        while (status := next(fields)) in {"0", "1"}:
            tree, stages = next(fields), []
            while row := next(fields):
                facts, _, path = row.partition("\t")
                mode, oid, number = facts.split(" ")
                stages.append(ConflictStage(path, mode, oid, int(number)))
            found.append(Merged(tree) if status == "1" else Conflicted(tree, tuple(stages), _notes(fields)))
    except StopIteration:
        pass
    return found


def _notes(fields: Iterator[str]) -> tuple[ConflictNote, ...]:
    notes = []
    while (count := next(fields)).isdecimal():  # git 2.38 to 2.42 end with advice where submodules conflict
        paths = tuple(next(fields) for _ in range(int(count)))
        kind, words = next(fields), next(fields)
        if kind.startswith("CONFLICT ("):
            notes.append(ConflictNote(kind.removeprefix("CONFLICT (").rstrip(")"), paths, words.strip()))
    return tuple(notes)


def _unmergeable(done: Completed) -> Unmergeable:
    said = done.stderr
    if done.code == 129:
        return Unmergeable("merging in memory needs git 2.39 or newer", too_old=True)
    if b"unrelated histories" in said:
        return Unmergeable("they have no commit in common; git merges no unrelated histories", unrelated=True)
    words = " ".join(redact(said.decode("utf-8", "replace")).split())
    return Unmergeable(words or f"git ended with {done.code}")
