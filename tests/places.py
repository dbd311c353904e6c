"""Places that need something of the machine: file systems that are full or read-only, an ssh server, a web server.

Each says by a `skipif` mark where it cannot be had.
"""

from __future__ import annotations

import http.server
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest


@cache
def _can_mount() -> bool:
    if sys.platform != "linux" or os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory() as folder:
        if subprocess.run(
            ["mount", "-t", "tmpfs", "none", folder], capture_output=True, check=False
        ).returncode:
            return False
        subprocess.run(["umount", folder], check=True)
        return True


needs_mount = pytest.mark.skipif(not _can_mount(), reason="needs root on Linux, to mount a small file system")
needs_sshd = pytest.mark.skipif(
    not (
        os.path.exists("/usr/sbin/sshd")
        and shutil.which("ssh")
        and shutil.which("ssh-keygen")
        and _can_mount()
    ),
    reason="needs an OpenSSH server and client, and root for the server's own folder",
)


_BARE = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
PLAIN: tuple[str, ...] = _BARE if os.geteuid() == 0 else ()
"""Before a command: run it so that permissions count, also for root, which then is one user among others."""
GROUP = 54321
MEMBER = (*_BARE, f"--groups={GROUP}")
"""The same, for somebody in a group of that number. Root only: things of other users are made by `chown`."""


@cache
def _can_be_plain() -> bool:
    return not PLAIN or bool(shutil.which("setpriv"))


needs_plain = pytest.mark.skipif(not _can_be_plain(), reason="needs setpriv, to be root without its power")
needs_users = pytest.mark.skipif(
    not PLAIN or not _can_be_plain(), reason="needs root and setpriv, to act as several users"
)


def give(path: Path, *, uid: int = 54321, gid: int = GROUP) -> None:
    """Have `path`, and everything below it, belong to another user and that group."""
    subprocess.run(["chown", "-hR", f"{uid}:{gid}", path], check=True)


@contextmanager
def file_system(folder: Path, *, size: str) -> Iterator[Path]:
    """A file system of its own at `folder`, with room for `size` (as mount reads it: `3m`)."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def make_read_only(folder: Path) -> None:
    """Let nobody write in the file system at `folder` from now on."""
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)


def fill(folder: Path, *, leave: int) -> Path:
    """Fill a file system up to `leave` pages of 4 KiB; the file that does it."""
    filler = folder / "filler"
    state = os.statvfs(folder)
    with filler.open("wb") as file:
        file.write(b"x" * ((state.f_bavail - leave) * state.f_frsize))
    return filler


def ssh_command(folder: Path) -> str:
    """A program for GIT_SSH whose every connection is served by an sshd of its own, through pipes instead of a port."""
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    config = folder / "sshd_config"
    config.write_text(
        f"HostKey {folder}/host\nAuthorizedKeysFile {folder}/user.pub\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n"
        "PasswordAuthentication no\nPidFile none\nLogLevel ERROR\n"
    )
    server = f"mount -t tmpfs none /run && mkdir /run/sshd && exec /usr/sbin/sshd -i -f {config}"
    script = folder / "ssh"
    script.write_text(
        f"#!/bin/sh\nexec ssh -F none -i {folder}/user -o IdentitiesOnly=yes -o StrictHostKeyChecking=no "
        f"-o UserKnownHostsFile={folder}/known -o LogLevel=ERROR "
        f'-o "ProxyCommand=unshare --mount sh -c \'{server}\'" "$@"\n'
    )
    script.chmod(0o755)
    return str(script)


@contextmanager
def web_server(status: int) -> Iterator[str]:
    """The address of a web server that answers everything with `status`."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET  # noqa: N815 - the name that http.server calls

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    with _serving(Answer) as address:
        yield address


@contextmanager
def git_server(folder: Path) -> Iterator[str]:
    """The address of a web server that serves the bare repositories in `folder` through `git http-backend`, pushes too."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            asked = {
                "REQUEST_METHOD": self.command,
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "GIT_PROJECT_ROOT": str(folder),
                "GIT_HTTP_EXPORT_ALL": "1",
                "REMOTE_USER": "somebody",
                "REMOTE_ADDR": "127.0.0.1",
            }
            data = self._body()
            done = subprocess.run(
                ["git", "http-backend"],
                input=data,
                env={**os.environ, **asked, "CONTENT_LENGTH": str(len(data))},
                capture_output=True,
                check=True,
            )
            head, _, rest = done.stdout.partition(b"\r\n\r\n")
            rows = [row.split(": ", 1) for row in head.decode().split("\r\n")]
            self.send_response(next((int(row[1][:3]) for row in rows if row[0] == "Status"), 200))
            for name, value in rows:
                if name != "Status":
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            self.wfile.write(rest)

        do_POST = do_GET  # noqa: N815 - the name that http.server calls

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            data = b""
            while size := int(self.rfile.readline(), 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return data

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    with _serving(Answer) as address:
        yield address


@contextmanager
def _serving(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
