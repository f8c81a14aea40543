"""Batch files for the tests of this folder: what is asked, and what comes back."""

from __future__ import annotations

import json
import random
from pathlib import Path

from tests.fakes.server import Server
from tests.scoring.made import write

COUNT = 12
"""Answers to judge."""
SUBMIT = ("--batch-submit", "--batch-poll", "0.05")


def lines_of(path: Path) -> list[dict[str, object]]:
    """Return a JSONL file's objects."""
    return [json.loads(text) for text in path.read_text().splitlines()]


def run_elsewhere(server: Server, requests: Path, out: Path) -> Path:
    """Answer the requests as ``vllm run-batch`` does, in another order."""
    done = []
    for row in lines_of(requests):
        body = row["body"]
        assert isinstance(body, dict)
        text = "\n".join(m["content"] for m in body["messages"])
        content = server.judged(text)
        message = {"role": "assistant", "content": content}
        completion = {"model": "served", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
        response = {"status_code": 200, "request_id": "r", "body": completion}
        done.append({"id": "v", "custom_id": row["custom_id"], "response": response, "error": None})
    random.Random(0).shuffle(done)
    return write(out, done)
