#!/bin/sh
# @modelcontextprotocol/sdk 1.32.2 (npm) and mcp 2.3.0 (PyPI), servers over stdio whose client closes their stdin, as the protocol has a
# client end a server:
# - npm's transport does not look for the end of stdin: `onclose` is not called, the signal of a running tool is not aborted, and the
#   process ends only if nothing else keeps Node.js alive. A server with a timer, a watcher or a port goes on for good.
# - PyPI's cancels a running (async) tool at once, answers its call with the error "Connection closed", and ends.
# - So what runs after the client has gone differs, and a client that only closes stdin leaves processes behind.
# A good guess was that both SDKs end the server, after having told it by `onclose`.
# Output seen: `npm: tool ended, answered with a result, exits; npm with a timer: tool ended, answered with a result, stays; PyPI: tool
# cancelled, answered with an error, exits`; no server said `onclose` or `abort`.
set -eu
command -v npm >/dev/null && command -v python3 >/dev/null || { echo "needs npm, python3"; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm install --silent --no-audit --no-fund --prefix "$work" @modelcontextprotocol/sdk@1.32.2 >/dev/null
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check mcp==2.3.0 2>/dev/null
cat >"$work/server.mjs" <<'EOF'
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { existsSync } from "node:fs";
const [, , go, timer] = process.argv;
const say = text => console.error(text);
const server = new McpServer({ name: "finding", version: "1" });
server.server.onclose = () => say("onclose");
server.registerTool("slow", {}, async ({ signal }) => {
  signal.addEventListener("abort", () => say("abort"));
  say("began");
  while (!existsSync(go)) await new Promise(done => setTimeout(done, 50));
  say("tool ended");
  return { content: [] };
});
if (timer) setInterval(() => {}, 1000);
await server.connect(new StdioServerTransport());
EOF
cat >"$work/server.py" <<'EOF'
import os, sys
import anyio
from mcp.server import MCPServer

server = MCPServer("finding")


def say(text):
    print(text, file=sys.stderr, flush=True)


@server.tool()
async def slow() -> str:
    say("began")
    try:
        while not os.path.exists(sys.argv[1]):
            await anyio.sleep(0.05)
    except BaseException:
        say("tool cancelled")
        raise
    say("tool ended")
    return "done"


server.run()
EOF
cat >"$work/client.py" <<'EOF'
import json, pathlib, subprocess, sys

work = pathlib.Path(sys.argv[1])
ASKED = (
    {"id": 0, "method": "initialize", "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}},
    {"method": "notifications/initialized"},
    {"id": 1, "method": "tools/call", "params": {"name": "slow", "arguments": {}}},
)


def told(*argv):
    go = work / "go"
    go.unlink(missing_ok=True)
    server = subprocess.Popen([argv[0], argv[1], str(go), *argv[2:]], cwd=work, stdin=-1, stdout=-1, stderr=-1, text=True)
    for line in ASKED:
        server.stdin.write(json.dumps({"jsonrpc": "2.0"} | line) + "\n")
        server.stdin.flush()
        if line.get("id") == 0:
            server.stdout.readline()
    while server.stderr.readline() not in ("began\n", ""):
        pass
    server.stdin.close()
    answer, said = {}, []
    try:
        server.wait(3)  # the tool is held: only a server that was told of the end leaves now
    except subprocess.TimeoutExpired:
        go.touch()
        said = [server.stderr.readline().strip()]
        answer = json.loads(server.stdout.readline())
    try:
        server.wait(10)
        end = "exits"
    except subprocess.TimeoutExpired:
        end = "stays"
        server.kill()
    server.wait()
    said += server.stderr.read().split("\n")
    answer = answer or json.loads(server.stdout.read())
    said = ", ".join(line.strip() for line in said if line.strip() in ("onclose", "abort", "tool ended", "tool cancelled"))
    return f"{said}, answered with {'an error' if 'error' in answer else 'a result'}, {end}"


print("npm:", told("node", "server.mjs"))
print("npm with a timer:", told("node", "server.mjs", "timer"))
print("PyPI:", told(str(work / "venv/bin/python"), "server.py"))
EOF
told=$(python3 "$work/client.py" "$work")
echo "$told"
expected="npm: tool ended, answered with a result, exits
npm with a timer: tool ended, answered with a result, stays
PyPI: tool cancelled, answered with an error, exits"
[ "$told" = "$expected" ] || { echo "this has changed"; exit 1; }
