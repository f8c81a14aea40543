"""A stand-in for the hub on loopback: serves data sets of one Parquet file each, or refuses them as the hub does."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Mapping
from typing import Any

from aiohttp import web

REFUSALS: dict[str, tuple[int, str, str]] = {
    "401": (
        401,
        "GatedRepo",
        "Access to dataset {name} is restricted. You must have access to it and be authenticated to access it.",
    ),
    "403": (
        403,
        "GatedRepo",
        "Access to dataset {name} is restricted and you are not in the authorized list. Visit the page to ask for access.",
    ),
    "404": (404, "RepoNotFound", "Repository not found"),
}
"""Status, the hub's error code and its message."""


class Hub:
    """``with Hub({"owner/name": parquet_bytes}) as hub:`` serves at ``hub.endpoint`` until the block ends.

    ``mode`` is ``ok``, ``broken`` (the file is no Parquet) or a key of ``REFUSALS``; ``requests`` lists what was asked.
    """

    def __init__(self, files: Mapping[str, bytes], mode: str = "ok") -> None:
        self.files = dict(files)
        self.mode = mode
        self.requests: list[str] = []
        self.endpoint = ""

    def __enter__(self) -> Hub:
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(ready,), daemon=True)
        self._thread.start()
        ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _serve(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app)
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0)
        self._loop.run_until_complete(site.start())
        self.endpoint = f"http://127.0.0.1:{runner.addresses[0][1]}"
        ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path}")
        name = next((n for n in self.files if f"datasets/{n}" in request.path), None)
        if name is None:
            return web.json_response({"error": "Not found"}, status=404)
        if self.mode in REFUSALS:
            status, code, message = REFUSALS[self.mode]
            text = message.format(name=name)
            headers = {"X-Error-Code": code, "X-Error-Message": text}
            return web.json_response({"error": text}, status=status, headers=headers)
        body = b"PAR1 this is none PAR1" if self.mode == "broken" else self.files[name]
        commit = hashlib.sha1(self.mode.encode() + body).hexdigest()
        entry = {"type": "file", "path": "data/train.parquet", "size": len(body), "oid": hashlib.sha1(body).hexdigest()}
        rest = request.path.split(f"datasets/{name}", 1)[1]
        if request.path.startswith("/api/"):
            if rest.startswith(("/tree/", "/paths-info/")):
                under = rest.endswith("/data") or request.method == "POST"
                folder = {"type": "directory", "path": "data", "size": 0, "oid": "0" * 40}
                recursive = request.query.get("recursive", "").lower() == "true"
                wanted = (await request.post()).getall("paths", []) if request.method == "POST" else []
                if request.method == "POST" and entry["path"] not in wanted:
                    return web.json_response([])
                return web.json_response([entry] if under else [folder, entry] if recursive else [folder])
            return web.json_response(self._info(name, commit, str(entry["path"])))
        if rest.endswith(str(entry["path"])):
            headers = {"X-Repo-Commit": commit, "ETag": f'"{entry["oid"]}"', "Accept-Ranges": "bytes"}
            return web.Response(body=body, headers=headers, content_type="application/octet-stream")
        headers = {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit}
        return web.Response(status=404, headers=headers)

    @staticmethod
    def _info(name: str, commit: str, path: str) -> dict[str, Any]:
        return {
            "id": name,
            "sha": commit,
            "private": False,
            "gated": False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": [],
            "lastModified": "2024-07-24T00:00:00.000Z",
            "siblings": [{"rfilename": path}],
        }
