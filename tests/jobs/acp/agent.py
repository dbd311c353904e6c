"""A program that speaks the Agent Client Protocol as an agent: it replays a capture, or does what its arguments say.

    agent.py replay CAPTURE      says what the agent of a capture said, whenever its client has said what the other client did
    agent.py WORD…               works as the words say, in their order, once it is prompted

What a word of the second form does is its function below. `sh=COMMAND` changes something, `ask=KIND` asks for permission first.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

SESSION = ["session-1"]
"""The session that it is in."""
MODES = ["default", "plan"]
NEW = {
    "sessionId": SESSION[0],
    "modes": {"currentModeId": "auto", "availableModes": [{"id": mode, "name": mode} for mode in MODES]},
    "configOptions": [
        {"id": "model", "category": "model", "type": "select", "currentValue": "small",
         "options": [{"value": "small"}, {"name": "more", "options": [{"value": "big"}]}]},
        {"id": "effort", "type": "select", "currentValue": "low", "options": ["low", "high"]},
    ],
}  # fmt: skip
USAGE = {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}
OPTIONS = [
    {"optionId": f"id-{kind}", "kind": kind, "name": kind}
    for kind in ("allow_always", "allow_once", "reject_once")
]


def write(**message: Any) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def read() -> dict[str, Any] | None:
    line = sys.stdin.readline()
    return json.loads(line) if line else None


def update(**facts: Any) -> None:
    write(method="session/update", params={"sessionId": SESSION[0], "update": facts})


def say(text: str) -> None:
    update(sessionUpdate="agent_message_chunk", content={"type": "text", "text": text})


class Agent:
    """An agent with its words. `how` are those that say how it answers, rather than what it does."""

    def __init__(self, words: list[str]) -> None:
        self.acts = [word.partition("=")[::2] for word in words]
        self.words = dict(self.acts)
        self.reason, self.usage, self.number = "end_turn", USAGE, 100
        self.prompt: Any = None

    def main(self) -> None:
        if "deaf" in self.words:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while (message := read()) is not None:
            self.heard(message)
        while "deaf" in self.words:
            signal.pause()

    def heard(self, message: dict[str, Any]) -> None:
        method, number = message.get("method"), message.get("id")
        if method == "session/cancel" and self.prompt is not None and "deaf" not in self.words:
            self.answer_prompt("cancelled")
        elif method == "session/prompt":
            self.prompt = number
            self.work(message)
        elif number is not None and method:
            reply = getattr(self, method.replace("/", "_"))(message["params"])
            if reply is not None:
                write(id=number, **reply)
            if "twice" in self.words:
                write(id=number, **reply)

    def work(self, message: dict[str, Any]) -> None:
        with open(os.environ.get("HEARD", os.devnull), "w", encoding="utf-8") as file:
            json.dump(message["params"], file)
        for name, value in self.acts:
            if done := getattr(self, f"do_{name}", None):
                done(value)
        if "hang" not in self.words and self.prompt is not None:
            self.answer_prompt(self.reason)

    def answer_prompt(self, reason: str) -> None:
        number, self.prompt = self.prompt, None
        write(id=number, result={"stopReason": reason, **({"usage": self.usage} if self.usage else {})})

    # What it answers.

    def initialize(self, params: dict[str, Any]) -> Any:
        assert params["clientCapabilities"] == {
            "fs": {"readTextFile": False, "writeTextFile": False},
            "terminal": False,
        }
        if "mute" in self.words:
            return None
        can: dict[str, Any] = {"close": {}} | ({"resume": {}} if "resumes" in self.words else {})
        return {"result": {
            "protocolVersion": int(self.words.get("version", params["protocolVersion"])),
            "agentInfo": {"name": self.words.get("name", "fake"), "version": "1"},
            "agentCapabilities": {"loadSession": "loads" in self.words, "sessionCapabilities": can},
        }}  # fmt: skip

    def authenticate(self, params: dict[str, Any]) -> Any:
        return (
            {"result": {}}
            if params == {"methodId": "key"}
            else {"error": {"code": -32603, "message": "no such way"}}
        )

    def session_new(self, params: dict[str, Any]) -> Any:
        assert params == {"cwd": os.getcwd(), "mcpServers": []}
        if "signed-out" in self.words:
            return {"error": {"code": -32000, "message": "Authentication required"}}
        return {"result": NEW}

    def session_load(self, params: dict[str, Any]) -> Any:
        if "gone" in self.words:
            return {"error": {"code": -32002, "message": "Resource not found"}}
        SESSION[0] = params["sessionId"]
        say("an old message")
        return {"result": NEW | {"sessionId": None}}

    def session_resume(self, params: dict[str, Any]) -> Any:
        SESSION[0] = params["sessionId"]
        return {"result": {}}

    def session_set_mode(self, params: dict[str, Any]) -> Any:
        if "mode-refused" in self.words:
            return {"error": {"code": -32603, "message": "not in an untrusted folder"}}
        taken = "auto" if "mode-ignored" in self.words else params["modeId"]
        update(sessionUpdate="current_mode_update", currentModeId=taken)
        return {"result": {}}

    def session_set_config_option(self, params: dict[str, Any]) -> Any:
        say(f"{params['configId']}={params['value']}")
        return {"result": {"configOptions": []}}

    def session_close(self, params: dict[str, Any]) -> Any:
        return None if "deaf" in self.words else {"result": {}}

    # What it does.

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """A question of its own, waited for."""
        self.number += 1
        write(id=self.number, method=method, params={"sessionId": SESSION[0], **params})
        while (message := read()) is not None:
            if message.get("id") == self.number and "method" not in message:
                return message
            self.heard(message)
        sys.exit(0)

    def do_say(self, text: str) -> None:
        say(text)

    def do_sh(self, command: str) -> None:
        update(
            sessionUpdate="tool_call", toolCallId="c1", kind="execute", title=command, status="in_progress"
        )
        subprocess.run(["sh", "-c", command], check=True)
        update(sessionUpdate="tool_call_update", toolCallId="c1", status="completed", rawOutput="done")

    def do_ask(self, kind: str) -> None:
        call = {"toolCallId": "c2", "kind": kind, "title": f"the {kind} thing"}
        told = self.ask("session/request_permission", toolCall=call, options=OPTIONS)
        chosen = told["result"]["outcome"]
        say(f"answered {chosen.get('optionId', chosen['outcome'])}")
        if chosen.get("optionId") == "id-allow_once":
            subprocess.run(["sh", "-c", f"echo {kind} > {kind}.txt"], check=True)

    def do_unknown(self, _: str) -> None:
        for method in ("fs/read_text_file", "terminal/create", "odd/one"):
            say(f"{method} {self.ask(method, path='/etc/passwd')['error']['code']}")

    def do_long(self, size: str) -> None:
        head, tail = json.dumps({"jsonrpc": "2.0", "method": "session/update", "params": {
            "sessionId": SESSION[0], "update": {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": "|"}},
        }}).split("|")  # fmt: skip
        sys.stdout.write(f"{head}{'x' * int(size)}{tail}\n")
        sys.stdout.flush()

    def do_noise(self, size: str) -> None:
        sys.stderr.write("noise\n" * int(size))
        sys.stdout.write("no json\n{}\n[1]\n" + json.dumps({"jsonrpc": "2.0", "id": 77, "result": {}}) + "\n")
        write(method="_odd/notification", params={})
        update(sessionUpdate="something_new", value=1)

    def do_child(self, path: str) -> None:
        code = f"import os, signal; os.setsid(); open({path!r}, 'w').write(str(os.getpid())); signal.pause()"
        subprocess.Popen([sys.executable, "-I", "-S", "-c", code])
        while not os.path.exists(path) or not os.path.getsize(path):
            time.sleep(0.01)

    def do_ready(self, path: str) -> None:
        with open(path, "w", encoding="utf-8") as file:
            file.write("ready\n")

    def do_stop(self, reason: str) -> None:
        self.reason = reason

    def do_free(self, _: str) -> None:
        self.usage = {}

    def do_die(self, code: str) -> None:
        os._exit(int(code))


def replay(path: str) -> None:
    """Say what the agent of a capture said, in step with what its client said."""
    known: dict[Any, Any] = {}
    with open(path, encoding="utf-8") as file:
        steps = [json.loads(line) for line in file][1:]
    for step in steps:
        message = step.get("msg")
        if message is None:
            continue
        if step["from"] == "agent":
            sent = dict(message)
            if "method" not in sent:
                sent["id"] = known[sent["id"]]
            write(**{key: value for key, value in sent.items() if key != "jsonrpc"})
            continue
        heard = read()
        if heard is None:
            return
        assert (heard.get("method"), "result" in heard, "error" in heard) == (
            message.get("method"), "result" in message, "error" in message,
        ), (heard, message)  # fmt: skip
        if "method" in message and "id" in message:
            known[message["id"]] = heard["id"]
    while (heard := read()) is not None:
        if heard.get("method") == "session/close":
            write(id=heard["id"], result={})


if __name__ == "__main__":
    if sys.argv[1:2] == ["replay"]:
        replay(sys.argv[2])
    else:
        Agent(sys.argv[1:]).main()
