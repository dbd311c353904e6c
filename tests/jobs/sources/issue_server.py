"""A server that speaks as much of GitHub's API as issues and their labels need: pages, entity tags, limits; and fails when it is told to."""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

TOKEN = "s3cret-t0ken"
_ISSUES = re.compile(r"/repos/ada/tidy/issues")
_ISSUE = re.compile(r"/repos/ada/tidy/issues/(\d+)")
_LABELS = re.compile(r"/repos/ada/tidy/issues/(\d+)/labels(?:/(.+))?")


class Fault:
    """An answer that is none: a status with headers and a body; or no answer, with the connection `cut` at once or in the body."""

    def __init__(self, status: int = 0, *, cut: str = "", body: bytes = b"", **headers: str) -> None:
        self.status, self.cut, self.body, self.headers = status, cut, body, headers


class IssueServer(ThreadingHTTPServer):
    """One repository, `ada/tidy`, with `issues`; `asked` has each request. Of `faults`, each is the answer to one request; None: its own."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.issues: dict[int, dict[str, Any]] = {}
        self.asked: list[tuple[str, str, int]] = []
        self.headers: list[dict[str, str]] = []
        self.faults: deque[Fault | None] = deque()
        self.refuses_writes = 0
        self.page = 2
        self.waits = threading.Event()
        self.waits.set()
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever asked has gone; that is what some tests want."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.waits.set()
        self.shutdown()
        self._thread.join()
        self.server_close()

    def issue(self, number: int, *labels: str, body: str = "", **more: Any) -> None:
        self.issues[number] = {
            "number": number, "title": f"Issue {number}", "body": body, "state": "open",
            "labels": [{"name": label} for label in labels], "html_url": f"{self.url}/ada/tidy/issues/{number}", **more,
        }  # fmt: skip

    def labels(self, number: int) -> list[str]:
        return sorted(one["name"] for one in self.issues[number]["labels"])

    def lines(self) -> list[str]:
        """The requests until now, without their queries; from then on anew."""
        found = [f"{method} {urlsplit(path).path} {status}" for method, path, status in self.asked]
        self.asked.clear()
        return found


class _Answers(BaseHTTPRequestHandler):
    server: IssueServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._answered("GET")

    def do_POST(self) -> None:
        self._answered("POST")

    def do_DELETE(self) -> None:
        self._answered("DELETE")

    def _answered(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
        self.server.waits.wait(60)
        fault = self.server.faults.popleft() if self.server.faults else None
        if fault is not None:
            self._fail(method, fault)
            return
        if method != "GET" and self.server.refuses_writes:
            self._send(method, self.server.refuses_writes, {"message": f"no, {TOKEN}"})
            return
        path = unquote(urlsplit(self.path).path)
        if _ISSUES.fullmatch(path):
            self._list()
        elif match := _ISSUE.fullmatch(path):
            self._one(int(match[1]))
        elif match := _LABELS.fullmatch(path):
            self._label(method, int(match[1]), match[2] or "", body)
        else:
            self._send(method, 404, {"message": "Not Found"})

    def _list(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        wanted = query["labels"][0].lower()
        rows = [
            one for _, one in sorted(self.server.issues.items())
            if one["state"] == "open" and wanted in {label["name"].lower() for label in one["labels"]}
        ]  # fmt: skip
        page, size = int(query.get("page", ["1"])[0]), self.server.page
        headers = {}
        if page * size < len(rows):
            following = {key: values[0] for key, values in query.items()} | {"page": str(page + 1)}
            there = f"{self.server.url}/repos/ada/tidy/issues"
            headers["Link"] = f'<{there}?{urlencode(following)}>; rel="next", <{there}?page=9>; rel="last"'
        rows = rows[(page - 1) * size : page * size]
        tag = f'"{abs(hash(json.dumps(rows)))}"'
        if self.headers.get("If-None-Match") == tag:
            self._send("GET", 304, None, {"ETag": tag})
        else:
            self._send("GET", 200, rows, {"ETag": tag, **headers})

    def _one(self, number: int) -> None:
        issue = self.server.issues.get(number)
        self._send("GET", 200 if issue else 404, issue or {"message": "Not Found"})

    def _label(self, method: str, number: int, name: str, body: bytes) -> None:
        labels = self.server.issues[number]["labels"]
        if method == "POST":
            known = {one["name"].lower() for one in labels}
            labels += [{"name": one} for one in json.loads(body)["labels"] if one.lower() not in known]
            self._send(method, 200, labels)
            return
        left = [one for one in labels if one["name"].lower() != name.lower()]
        self.server.issues[number]["labels"] = left
        self._send(method, 200 if len(left) < len(labels) else 404, left)

    def _send(self, method: str, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        self.server.asked.append((method, self.path, status))
        data = b"" if status == 304 else json.dumps(value).encode()
        self.send_response(status)
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _fail(self, method: str, fault: Fault) -> None:
        self.server.asked.append((method, self.path, fault.status))
        self.close_connection = True
        if fault.cut == "at once":
            return
        self.send_response(fault.status)
        for name, text in fault.headers.items():
            self.send_header(name.replace("_", "-"), text)
        self.send_header("Content-Length", str(len(fault.body) + (100 if fault.cut else 0)))
        self.end_headers()
        self.wfile.write(fault.body)
