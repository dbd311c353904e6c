"""What hooks cost: of git, and of agents."""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable

from tests.benches.row import Row
from tests.benches.scratch import INTERPRETER, ROOT, Scratch, cli, timed


class HookRows(Scratch):
    """Hooks of git and of agents. Each method without an underscore is a row of the table, or some."""

    def hook_10_paths(self) -> Row:
        """A commit of 10 paths at 10,000 claims."""
        place = self._with_claims(10_000)
        return self._hook(
            "hook, 10 staged paths, 10,000 claims / bare interpreter", place, self._staged(place, 10), 3
        )

    def hook_100_paths(self) -> Row:
        """A commit of 100 paths in 100 folders at 10,000 claims."""
        place = self._with_claims(10_000)
        return self._hook(
            "hook, 100 staged paths in 100 folders / bare interpreter", place, self._staged(place, 100), 4
        )

    def hook_many_claims(self) -> Row:
        """The same commit at very many claims and at few."""
        many, few = self._with_claims(self.many), self._with_claims(100)
        for place in (many, few):
            self._staged(place, 10)
        return self._pair(
            f"hook at {self.many:,} claims / at 100", hook(many), hook(few), 1.5, where=(many, few)
        )

    def edit_check(self) -> Row:
        """What an agent's hook does before each edit of a path that its session has claimed, at 10,000 claims."""
        place = self._with_claims(10_000)
        told = os.path.join(self.folder, "edit.json")
        path = os.path.join(place, "mine", "edited.py")
        said = {"session_id": "bench", "cwd": place, "tool_name": "Edit", "tool_input": {"file_path": path}}
        with open(told, "w") as file:
            json.dump(said, file)
        program = os.path.join(ROOT, "gitfleet", "agenthooks", "run.py")
        check = [INTERPRETER, "-I", "-S", program, "claude", "edit"]
        with open(told) as file:  # claims it, with the interpreter that has what a claim needs
            subprocess.run(
                [sys.executable, *check[1:]], cwd=place, stdin=file, check=True, stdout=subprocess.DEVNULL
            )
        bare = [INTERPRETER, "-I", "-S", "-c", "pass"]
        name = "edit-time check of one path, 10,000 claims / bare interpreter"
        return self._pair(name, check, bare, 2.1, where=(place, place), told=told)

    def edit_first(self) -> Row:
        """The first thing that an agent's hook does for a session: it starts one in the fleet, and briefs it."""
        place = self._clone_alone("first")
        program = os.path.join(ROOT, "gitfleet", "agenthooks", "run.py")
        count = itertools.count()

        def begin() -> list[str]:
            said = {"session_id": f"first-{next(count)}", "cwd": place, "source": "startup"}
            with open(told, "w") as file:
                json.dump(said, file)
            return [sys.executable, "-I", "-S", program, "codex", "begin"]

        told = os.path.join(self.folder, "first.json")
        begin()
        bare = [sys.executable, "-c", "pass"]
        return self._pair(
            "a session's first hook / bare python", begin, bare, 12, where=(place, place), told=told
        )

    def edit_silent(self) -> Row:
        """The longest that an agent waits for its edit when the hub accepts and stays silent, a session to be started included."""
        _, (place,) = self._hub("silent", 1)
        program = os.path.join(ROOT, "gitfleet", "agenthooks", "run.py")
        told, taken = os.path.join(self.folder, "silent.json"), []
        with socket.create_server(("127.0.0.1", 0)) as server:
            url = f"git://127.0.0.1:{server.getsockname()[1]}/hub.git"
            subprocess.run(["git", "remote", "set-url", "origin", url], cwd=place, check=True)
            for number in range(4):
                given = {"file_path": os.path.join(place, f"new{number}.py")}
                said = {
                    "session_id": f"silent-{number % 2}",
                    "cwd": place,
                    "tool_name": "Edit",
                    "tool_input": given,
                }
                with open(told, "w") as file:
                    json.dump(said, file)
                taken.append(timed([sys.executable, "-I", "-S", program, "claude", "edit"], place, told))
        note = "the longest of 4 edits of free paths, 2 of them the first of a session"
        return Row("edit-time check with a silent hub, seconds", max(taken), 5, at_most=True, note=note)

    def git_commit(self) -> Row:
        """A commit of 10 paths, with hooks and without."""
        fleet, plain = self._clone_alone("commit"), self._repository("plain")
        cli(fleet, "claim", *self._change(fleet))
        name = "git commit of 10 paths, with hooks / without"
        return self._pair(name, self._commit(fleet), self._commit(plain), 4, where=(fleet, plain))

    def git_push(self) -> Row:
        """A push of one commit to a local hub, with hooks and without."""
        hub, (fleet,) = self._hub("push", 1)
        plain = os.path.join(self.folder, "push-plain")
        subprocess.run(["git", "clone", "-q", hub, plain], check=True, stderr=subprocess.DEVNULL)
        cli(fleet, "claim", *self._change(fleet))

        def pushed(place: str) -> Callable[[], list[str]]:
            made = self._commit(place)

            def push() -> list[str]:
                subprocess.run(made(), cwd=place, check=True)
                return ["git", "push", "-q", "origin", f"HEAD:refs/heads/{os.path.basename(place)}"]

            return push

        name = "git push of one commit to a local hub, with hooks / without"
        return self._pair(name, pushed(fleet), pushed(plain), 2.5, where=(fleet, plain))

    def _change(self, place: str) -> list[str]:
        """Change ten files of one folder; their paths."""
        names = [f"mine/f{number}.py" for number in range(10)]
        os.makedirs(os.path.join(place, "mine"), exist_ok=True)
        for name in names:
            with open(os.path.join(place, name), "w") as file:
                file.write(f"{time.perf_counter_ns()} {name}")
        return names

    def _commit(self, place: str) -> Callable[[], list[str]]:
        """Command lines that commit ten paths, which are changed and added at each turn."""

        def change() -> list[str]:
            subprocess.run(["git", "add", "--", *self._change(place)], cwd=place, check=True)
            return ["git", "commit", "-q", "-m", "ten paths"]

        return change

    def _hook(self, name: str, place: str, staged: int, bar: float) -> Row:
        bare = [INTERPRETER, "-I", "-S", "-c", "pass"]
        row = self._pair(name, hook(place), bar=bar, other=bare, where=(place, place))
        return row._replace(note=f"{staged} paths; {row.note}")

    def _staged(self, place: str, count: int) -> int:
        """Stage `count` files in as many folders (ten of them: in one), claimed by the session that commits."""
        subprocess.run(["git", "reset", "-q"], cwd=place, check=False)
        names = [f"mine/d{i}/f.py" if count > 10 else f"mine/f{i}.py" for i in range(count)]
        for name in names:
            os.makedirs(os.path.dirname(os.path.join(place, name)), exist_ok=True)
            with open(os.path.join(place, name), "w") as file:
                file.write(name)
        subprocess.run(["git", "add", "--", *names], cwd=place, check=True)
        cli(place, "claim", *names)
        return count


def hook(place: str) -> list[str]:
    """The command line of the pre-commit gate as the hook starts it."""
    with open(os.path.join(place, ".git", "gitfleet", "launcher")) as file:
        _, script = file.read().splitlines()
    return [INTERPRETER, "-I", "-S", script, "pre-commit"]
