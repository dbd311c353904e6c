"""Two more forms of scripted models: `Chat` is the one that opencode and Copilot speak (POST …/chat/completions), `Generate` Gemini's."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

from tests.agents.models import Asked, Event, Model, Turn

_NUMBERS = itertools.count(1)


class Chat(Model):
    """What opencode and Copilot talk to."""

    path = "/chat/completions"
    end = "data: [DONE]\n\n"

    def is_main(self, asked: Asked) -> bool:
        return bool(asked.get("tools"))

    def events(self, turn: Turn) -> Iterator[Event]:
        head = {
            "id": f"chat-{next(_NUMBERS)}",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "scripted",
        }
        deltas: list[Event] = [{"role": "assistant", "content": turn.say}]
        for place, call in enumerate(turn.calls):
            function = {"name": call.name, "arguments": json.dumps(call.input)}
            made = {"index": place, "id": f"call_{next(_NUMBERS)}", "type": "function", "function": function}
            deltas.append({"tool_calls": [made]})
        for delta in deltas:
            yield {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        reason = "tool_calls" if turn.calls else "stop"
        yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
        usage = {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3}
        yield {**head, "choices": [], "usage": usage}


class Generate(Model):
    """What Gemini CLI talks to."""

    path = ":streamGenerateContent"

    def is_main(self, asked: Asked) -> bool:
        return any(tool.get("functionDeclarations") for tool in asked.get("tools", []))

    def events(self, turn: Turn) -> Iterator[Event]:
        parts: list[Event] = [{"text": turn.say}] if turn.say else []
        parts += [{"functionCall": {"name": call.name, "args": call.input}} for call in turn.calls]
        for place, part in enumerate(parts):
            last = {"finishReason": "STOP"} if place == len(parts) - 1 else {}
            candidate = {"content": {"role": "model", "parts": [part]}, "index": 0, **last}
            usage = {"promptTokenCount": 2, "candidatesTokenCount": 1, "totalTokenCount": 3}
            yield {"candidates": [candidate], "usageMetadata": usage, "responseId": f"r{next(_NUMBERS)}"}
