"""A front before a registry that lets nobody in without user and password, also for reading."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx


@contextmanager
def guarded(url: str, *users: tuple[str, str]) -> Iterator[str]:
    """Return the URL of a front that passes on what these users ask, and answers others with 401.

    Who may write what is left to the registry behind.
    """
    admitted = {_basic(*user) for user in users}

    class Front(BaseHTTPRequestHandler):
        def answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.headers.get("Authorization") not in admitted:
                return self.give(401, b'{"error_code": 401, "message": "Unauthorized"}')
            kept = {name: self.headers[name] for name in _KEPT if name in self.headers}
            with httpx.Client(trust_env=False, timeout=60) as client:
                found = client.request(self.command, url + self.path, content=sent, headers=kept)
            return self.give(found.status_code, found.content)

        do_GET = do_POST = do_PUT = do_DELETE = answer

        def give(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Front) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


_KEPT = ("Authorization", "Content-Type", "Accept")


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
