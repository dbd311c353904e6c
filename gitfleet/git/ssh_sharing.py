"""One ssh connection to the hub for the commands of a minute, where the user's own ssh does not share any.

To connect is most of what an exchange over ssh costs. OpenSSH can keep a connection open for those who come next
(ControlMaster), if it is told to; nothing of the user's is written for that: git is given the options. Only where git would
run plain `ssh`, and where that has no ControlPath for the host; `fleet.ssh-share = false` switches it off.

The socket lies in a folder that only this user can enter. Its name is a hash of all that ssh is told about the host, so that
two names for one host, with different keys, never share a connection.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from gitfleet.base import processes
from gitfleet.base.digests import sha256
from gitfleet.base.private_folders import private_folder
from gitfleet.codec import Struct
from gitfleet.git.program import Git, environment

KEY = "fleet.ssh-share"
PERSIST = 60
"""Seconds for which a connection stays open after its last use."""
LONGEST = 60
"""Of the folder's path: a socket's whole path has 104 characters at most, with what ssh adds while it makes one."""
PATIENCE = 10.0
MARK = "GITFLEET_SESSION"
"""The mark of a session's processes: a connection is nobody's alone, whoever came first."""
_KEPT = ("ControlMaster=auto", f"ControlPersist={PERSIST}", "ClearAllForwardings=yes")
"""The user's own connections need the ports that are forwarded."""
_WHERE_UNSAID = {
    "serveraliveinterval 0": ("ServerAliveInterval=5", "ServerAliveCountMax=3"),
    "connecttimeout none": ("ConnectTimeout=15",),
}
"""What the user leaves open, by the words of `ssh -G`. A server that does not answer is given up: else, after the network has changed, every
command would wait for it as long as git may take."""

_URL = r"(?:ssh|git\+ssh|ssh\+git)://(?P<host>[^/:]+|[^/@]*@?\[[^/]+\])(?::(?P<port>\d*))?(?:/.*)?"
_SHORT = r"(?P<host>[^/:\[\]]+):(?!//|:).*"
NO_SOCKET = rb"(?m)^(?:unix_listener|muxserver_listen|.*mux listener)"
"""What ssh says where it could not make the socket: in a sandbox, or on a full disk. Then it has run nothing on the host."""
_OTHERS = ("GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT")


class SharedConnection(Struct):
    """A connection that commands share: the `name` of its socket, and how ssh is to keep it, by `options`."""

    name: str
    options: tuple[str, ...]

    def variables(self) -> Mapping[str, str | None]:
        """What to change in the environment of git (None: take it out); nothing where there is no folder for a socket at the moment.

        Costs no process. The folder is looked at each time: the system takes it away when its user logs out.
        """
        home = private_folder("gitfleet-ssh", LONGEST)
        if not home:
            return {}
        import shlex  # only for hubs over ssh

        options = [*self.options, f"ControlPath={os.path.join(home, self.name)}"]
        command = shlex.join(["ssh", *(word for option in options for word in ("-o", option))])
        return {"GIT_SSH_COMMAND": command, MARK: None}


def connection(git: Git, place: str) -> SharedConnection | None:
    """The connection by which git talks to `place`; None where it is not to be shared.

    Costs two processes where the place is reached by ssh, and none elsewhere. Never raises.
    """
    host = target(place)
    if host is None or any(os.environ.get(name) for name in _OTHERS) or not _is_wanted(git):
        return None
    told = _told(git, host)
    if not told:
        return None
    seed = "\0".join([*host, told, os.environ.get("SSH_AUTH_SOCK", "")])
    name = sha256(seed.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    said = set(told.splitlines())
    more = [option for words, options in _WHERE_UNSAID.items() if words in said for option in options]
    return SharedConnection(name, (*_KEPT, *more))


def target(place: str) -> list[str] | None:
    """The arguments by which ssh is told where `place` is; None for what git does not reach by ssh."""
    if ":" not in place:
        return None
    found = re.fullmatch(_URL, place) or (re.fullmatch(_SHORT, place) if "://" not in place else None)
    if found is None or found["host"].startswith("-"):
        return None
    host = found["host"].replace("[", "").replace("]", "")
    port = found.groupdict().get("port")
    return [*(["-p", port] if port else []), host]


def _is_wanted(git: Git) -> bool:
    """Whether the configuration leaves ssh, and this, to us."""
    asked = rf"^(core\.sshcommand|ssh\.variant|{re.escape(KEY)})$"
    rows = os.fsdecode(git.ask("config", "--get-regexp", asked).stdout).splitlines()
    found = dict(row.partition(" ")[::2] for row in rows)
    off = found.pop(KEY, "true").lower() in {"false", "no", "off", "0"}
    return not off and not any(found.values())


def _told(git: Git, host: list[str]) -> str:
    """What OpenSSH would go by for a host; "" where that shares connections of its own, or is not OpenSSH."""
    try:
        done = processes.run(["ssh", "-G", *host], cwd=git.cwd, env=environment(), timeout=PATIENCE)
    except (OSError, processes.TimedOut):
        return ""
    rows = os.fsdecode(done.stdout).splitlines()
    found = dict(row.partition(" ")[::2] for row in rows)
    own = found.get("controlpath", "none") != "none" or found.get("controlmaster", "false") != "false"
    return "\n".join(rows) if done.code == 0 and "hostname" in found and not own else ""
