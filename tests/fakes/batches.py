"""The stand-in for /v1/files and /v1/batches of an OpenAI-compatible endpoint, as a part of ``tests.fakes.server``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from tests.fakes.server import Server

FAULTS = ("500", "lost", "garbage", "length")
"""What may become of one request of a batch: an errored line, no line, a reply that is no debate, one that is cut."""


def add_routes(app: web.Application, server: Server) -> None:
    """Add the routes; files and batches are kept in ``server.files`` and ``server.batches``."""
    api = _Batches(server)
    app.router.add_post("/v1/files", api.upload)
    app.router.add_get("/v1/files/{id}/content", api.content)
    app.router.add_post("/v1/batches", api.create)
    app.router.add_get("/v1/batches", api.all)
    app.router.add_get("/v1/batches/{id}", api.retrieve)


class _Batches:
    def __init__(self, server: Server) -> None:
        self.server = server

    async def upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        if (refused := self.server.refused(request, {"model": (self.server.models or (None,))[0]})) is not None:
            return refused
        content = form["file"].file.read()  # type: ignore[union-attr]
        return web.json_response(self._file(f"file-{len(self.server.files)}", content))

    def _file(self, name: str, content: bytes) -> dict[str, Any]:
        self.server.files[name] = content
        about = {"id": name, "object": "file", "bytes": len(content), "created_at": 0, "filename": "f"}
        return {**about, "purpose": "batch", "status": "processed"}

    async def content(self, request: web.Request) -> web.Response:
        if self.server.content_at:
            raise web.HTTPFound(f"{self.server.content_at}/{request.match_info['id']}")
        return web.Response(body=self.server.files[request.match_info["id"]])

    async def create(self, request: web.Request) -> web.Response:
        asked = await request.json()
        name = f"batch_{len(self.server.batches)}"
        total = self.server.files[asked["input_file_id"]].count(b"\n")
        self.server.counts["batches"] += 1
        self.server.batch_headers.append(dict(request.headers))
        self.server.batches[name] = {
            "id": name,
            "object": "batch",
            "created_at": 0,
            "endpoint": asked["endpoint"],
            "completion_window": asked["completion_window"],
            "input_file_id": asked["input_file_id"],
            "status": "validating",
            "request_counts": {"total": total, "completed": 0, "failed": 0},
            "looks": 0,
        }
        return web.json_response(self.server.batches[name])

    async def all(self, request: web.Request) -> web.Response:  # noqa: ARG002
        return web.json_response({"object": "list", "data": list(self.server.batches.values()), "has_more": False})

    async def retrieve(self, request: web.Request) -> web.Response:
        batch = self.server.batches.get(request.match_info["id"])
        if batch is None:
            return web.json_response({"error": {"message": "no such batch"}}, status=404)
        batch["looks"] += 1
        if batch["status"] == "validating" and batch["looks"] >= self.server.batch_looks:
            self._complete(batch)
        return web.json_response(batch)

    def _complete(self, batch: dict[str, Any]) -> None:
        output, errors = [], []
        for line in self.server.files[batch["input_file_id"]].splitlines():
            row = json.loads(line)
            answered = self._answer(row)
            if answered is not None:
                (output if answered["error"] is None else errors).append(json.dumps(answered))
        # The Batch API does not promise the order of its input.
        output.reverse()
        for kind, lines in (("output_file_id", output), ("error_file_id", errors)):
            if lines:
                content = "".join(line + "\n" for line in lines).encode()
                batch[kind] = self._file(f"file-{len(self.server.files)}", content)["id"]
        batch["request_counts"].update(completed=len(output), failed=len(errors))
        batch["status"] = "completed" if batch["request_counts"]["total"] == len(output) + len(errors) else "expired"

    def _answer(self, row: dict[str, Any]) -> dict[str, Any] | None:
        from tests.fakes.server import draw

        body = row["body"]
        self.server.counts["batched"] += 1
        self.server.seen[row["custom_id"]] += 1
        chance, total, fault = draw("batch", row["custom_id"], self.server.seen[row["custom_id"]]), 0.0, None
        for name, rate in self.server.batch_faults.items():
            if total <= chance < (total := total + rate):
                fault = name
        if fault == "lost":
            return None
        made: dict[str, Any] = {"id": "batch_req", "custom_id": row["custom_id"], "response": None, "error": None}
        if fault == "500":
            return {**made, "error": {"code": "server_error", "message": "The server had an error."}}
        text = "\n".join(str(m["content"]) for m in body["messages"])
        content = {"garbage": "Sure!", "length": '{"chain'}.get(str(fault)) or self.server.judged(text)
        message = {"role": "assistant", "content": content}
        finish = "length" if fault == "length" else "stop"
        completion = {
            "id": "chatcmpl-batch",
            "object": "chat.completion",
            "model": body["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {"prompt_tokens": 700, "completion_tokens": 80, "total_tokens": 780},
        }
        return {**made, "response": {"status_code": 200, "request_id": "r", "body": completion}}
