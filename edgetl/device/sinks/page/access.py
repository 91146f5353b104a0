"""Decides which requests the live page answers: host names, other sites, the token, and the headers of every answer."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edgetl.device.sinks.page.rate_limit import ClientConnection, RateLimit
from edgetl.device.sinks.page.token import appears_in, cookie_value, is_same

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_TOKEN_FORM = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>edgetl: token</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="/static/style.css">
</head><body class="token-form"><main><h1>edgetl</h1><form action="/" method="get"><label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" autofocus required>
<button>Open</button></form><p>{hint}</p></main></body></html>"""
_HINT = "It was printed when the run started, or it is in the file that --token-file names."
_PUBLIC_PATH = "/static/style.css"
"""This path is served without the token: the token form needs it, and it reveals nothing."""
_COOKIE_SECONDS = 90 * 24 * 3600
"""A browser keeps the cookie for this long, so that a person types the token about four times a year; s."""


@dataclass(frozen=True, slots=True)
class Access:
    """States which requests the page answers.

    Attributes:
        token: the page's token; None lets every request pass that comes from the page itself or from a program.
        local: whether the page is served on the loopback only. A request under another host name then comes from
            another site, whose name resolves to this machine (DNS rebinding).
        port: the page's port. It is part of the cookie's name, because browsers share cookies between ports.
        secure: whether the page is served over TLS.
    """

    token: str | None
    local: bool
    port: int
    secure: bool

    def shows_secret(self, data: bytes) -> bool:
        """Returns whether the raw bytes of a request hold the token or the cookie; always true if there is no token.

        Args:
            data: the first bytes of a request.
        """
        return self.token is None or appears_in(data, self.token)

    def refusal(self, request: Request) -> Response | None:
        """Returns the answer that refuses a request; None if the request is to be served.

        Args:
            request: the request to check.
        """
        if self.local and not _names_loopback(request.headers.get("host", "")):
            return PlainTextResponse("this page is served to its own machine: open it as localhost\n", 421)
        if _comes_from_other_site(request):
            return PlainTextResponse("not for other sites\n", 403)
        return None if self.token is None else self._token_refusal(request, self.token)

    def _token_refusal(self, request: Request, token: str) -> Response | None:
        path = request.scope["path"]
        if path == _PUBLIC_PATH:
            return None
        shown = request.query_params.get("token")
        if shown is not None and request.method == "GET" and path == "/":
            return self._exchange_token(shown, token)
        bearer = request.headers.get("authorization", "")
        if bearer[:7].lower() == "bearer " and is_same(bearer[7:].strip(), token):
            return None
        # Starlette's own parser: http.cookies gives up if another program on this host sets an unusual cookie.
        if is_same(request.cookies.get(self._cookie_name, ""), cookie_value(token)):
            return None
        if path == "/":
            return HTMLResponse(_TOKEN_FORM.format(hint=_HINT), 401)
        return PlainTextResponse("the token is missing or wrong\n", 401, {"www-authenticate": "Bearer"})

    def _exchange_token(self, shown: str, token: str) -> Response:
        """Sets the cookie for the token, and redirects to the address without the token."""
        if not is_same(shown, token):
            return HTMLResponse(_TOKEN_FORM.format(hint=f"That is not the token. {_HINT}"), 401)
        redirect = RedirectResponse("/", 303)
        redirect.set_cookie(
            self._cookie_name,
            cookie_value(token),
            max_age=_COOKIE_SECONDS,
            httponly=True,
            samesite="lax",
            secure=self.secure,
        )
        return redirect

    @property
    def _cookie_name(self) -> str:
        return f"edgetl-{self.port}"


TOO_MANY = b"this page has too many viewers already\n"
CONNECTION = "edgetl.connection"
"""The key of the `ClientConnection` in the state of a request's scope."""


class Guard:
    """Refuses the requests that `Access` refuses, and adds the security headers to every answer.

    Requests are checked before they wait. Refused requests have a short queue of their own, so that a person with the
    token never waits behind strangers. If that queue is full, further refused requests are closed without an answer.

    All methods are called in the page's event loop, so the state needs no lock.

    Args:
        app: the application to guard.
        access: the rules for requests.

    Attributes:
        refused: the rate limit of the refused requests.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.refused = RateLimit(rate=50.0, max_waiting=16, skip_gone=False)
        self._access = access
        self._app = app
        self._served = RateLimit()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
                if message["status"] >= 400:
                    headers["connection"] = "close"  # a refused client does not keep a place
            await send(message)

        connection: ClientConnection = scope["state"][CONNECTION]
        refusal = self._access.refusal(Request(scope))
        if refusal is None and (self._served.full or not connection.admit()):
            refusal = PlainTextResponse(TOO_MANY, 503)
        if not await (self.refused if refusal else self._served).wait_for_turn(connection):
            connection.hang_up()
            return
        await (refusal or self._app)(scope, receive, send_with_headers)

    def is_flood(self, data: bytes) -> bool:
        """Returns whether a new connection belongs to a flood: the queue of refused requests is full, and no token.

        Args:
            data: the first bytes of the connection, not encrypted.
        """
        return self.refused.full and not self._access.shows_secret(data)


def _names_loopback(host: str) -> bool:
    """Returns whether a Host header names the loopback, with any port, because a tunnel may use another."""
    try:
        return urlsplit(f"//{host}").hostname in _LOOPBACK_NAMES
    except ValueError:
        return False


def _comes_from_other_site(request: Request) -> bool:
    """Returns whether the page of another site made a browser send a request; programs send neither header."""
    if request.method in ("GET", "HEAD") and request.scope["path"] == "/":
        return False  # any site may link to the page
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return True
    origin = request.headers.get("origin")
    return origin is not None and origin != f"{request.scope['scheme']}://{request.headers.get('host')}"
