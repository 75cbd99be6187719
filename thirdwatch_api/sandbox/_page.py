"""The sandbox's page: three files and an icon, and the headers that keep other sites out of it."""

import pkgutil

from ._http import Request, Response

__all__ = ["SAFE_HEADERS", "serve_file"]

SAFE_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}
"""Headers of the page and of all that it loads."""

_FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/_sandbox/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/_sandbox/page.css": ("page.css", "text/css; charset=utf-8"),
    "/_sandbox/icon.svg": ("icon.svg", "image/svg+xml"),
    "/favicon.ico": ("icon.svg", "image/svg+xml"),
}


def serve_file(request: Request) -> Response | None:
    """Return a file of the page; None when the request is for something else."""
    if request.method not in ("GET", "HEAD"):
        return None
    if request.path == "/event" and "text/html" in request.headers.get("Accept", ""):
        return Response(302, b"", {**SAFE_HEADERS, "Location": "/"})  # who opens ``host`` in a browser wants the page
    if request.path not in _FILES:
        return None
    name, media_type = _FILES[request.path]
    data = pkgutil.get_data(__name__, f"page/{name}") or b""
    return Response(200, data, {**SAFE_HEADERS, "Content-Type": media_type})
