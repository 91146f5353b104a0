"""Who may ask the live page for what: host names, other sites, the token, and the headers of every answer."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from itertools import islice
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edgetl.device.sinks.page.pace import Pace, Visitor

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
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
_ASK = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>edgetl: token</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="/static/style.css">
</head><body class="ask"><main><h1>edgetl</h1><form action="/" method="get"><label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" autofocus required>
<button>Open</button></form><p>{told}</p></main></body></html>"""
_WHERE = "It was printed when the run started, or it is in the file that --token-file names."
_SECRET = re.compile(rb"(?:bearer +|token=|edgetl-[0-9]+=)([!-~]+?)(?=[\s;&]|$)", re.IGNORECASE)
"""What may be a token or a cookie in the bytes of a request."""
_MOST_SECRETS = 4
_OPEN = "/static/style.css"
"""Served to whoever asks: the page that asks for the token wants it, and it tells nothing."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a request must show.

    Attributes:
        token: to be shown; None wants none.
        local: whether the page is served on the loopback only, where a name that isn't its own is another site's that
            had itself resolved to this machine (DNS rebinding).
        port: tells runs on one machine apart, whose cookies a browser does not.
        secure: whether it is served over TLS.
    """

    token: str | None
    local: bool
    port: int
    secure: bool

    def shows_secret(self, data: bytes) -> bool:
        """Says whether the raw bytes of a request hold the token or the cookie; without a token everybody may ask.

        Args:
            data: the bytes, of which the first few values that may be a secret are compared.
        """
        if self.token is None:
            return True
        found = (match[1].decode("ascii") for match in islice(_SECRET.finditer(data), _MOST_SECRETS))
        return any(_same(value, self.token) or _same(value, self._pass) for value in found)

    def refusal(self, request: Request) -> Response | None:
        """Returns the answer to a request that is not to be served; None for one that is."""
        if self.local and not _names_this_machine(request.headers.get("host", "")):
            return PlainTextResponse("this page is served to its own machine: open it as localhost\n", 421)
        if _crosses_sites(request):
            return PlainTextResponse("not for other sites\n", 403)
        return self._without_token(request)

    def _without_token(self, request: Request) -> Response | None:
        if self.token is None or request.scope["path"] == _OPEN:
            return None
        shown = request.query_params.get("token")
        if shown is not None and request.method == "GET" and request.scope["path"] == "/":
            return self._enter(shown)
        bearer = request.headers.get("authorization", "")
        if bearer[:7].lower() == "bearer " and _same(bearer[7:].strip(), self.token):
            return None
        if _same(_cookie(request, self._name), self._pass):
            return None
        if request.scope["path"] == "/":
            return HTMLResponse(_ASK.format(told=_WHERE), 401)
        return PlainTextResponse("the token is missing or wrong\n", 401, {"www-authenticate": "Bearer"})

    def _enter(self, shown: str) -> Response:
        assert self.token is not None
        if not _same(shown, self.token):
            return HTMLResponse(_ASK.format(told=f"That is not the token. {_WHERE}"), 401)
        # The address with the token is left at once; from now on the cookie speaks.
        entered = RedirectResponse("/", 303)
        entered.set_cookie(
            self._name, self._pass, max_age=90 * 24 * 3600, httponly=True, samesite="lax", secure=self.secure
        )
        return entered

    @property
    def _name(self) -> str:
        return f"edgetl-{self.port}"

    @property
    def _pass(self) -> str:
        """What the cookie holds: it opens this page and doesn't give the token away."""
        return hmac.digest((self.token or "").encode(), b"edgetl page", "sha256").hex()


TOO_MANY = b"too many are looking already\n"
VISITOR = "visitor"
"""The key of the `Visitor` in the state of a request's scope."""


class Guard:
    """Stands before an application: refuses what `Access` refuses, and gives every answer its headers.

    Requests are checked before anything waits for them. Those that are refused wait in a queue of their own, which is
    short, so that whoever may look never waits behind strangers; where it is full they are hung up on.

    Args:
        app: the application to be guarded.
        access: what a request must show.

    Attributes:
        access: as given.
        strangers: the queue of the requests that are refused.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.access = access
        self.strangers = Pace(rate=50.0, most=16, skips=False)
        self._app = app
        self._known = Pace()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
                if message["status"] >= 400:
                    headers["connection"] = "close"  # whoever is refused doesn't keep a place
            await send(message)

        visitor: Visitor = scope["state"][VISITOR]
        refusal = self.access.refusal(Request(scope))
        if refusal is None and (self._known.full or not visitor.admit()):
            refusal = PlainTextResponse(TOO_MANY, 503)
        if not await (self.strangers if refusal else self._known).turn(visitor):
            visitor.hang_up()
            return
        await (refusal or self._app)(scope, receive, send_with_headers)

    def floods(self, data: bytes) -> bool:
        """Says whether bytes from a connection are not worth reading: too many strangers wait, and this is another.

        Args:
            data: the first bytes of a connection, not encrypted.
        """
        return self.strangers.full and not self.access.shows_secret(data)


def _names_this_machine(host: str) -> bool:
    """Whether a Host header names the loopback; through a tunnel the port may be another."""
    try:
        return urlsplit(f"//{host}").hostname in _LOCAL
    except ValueError:
        return False


def _crosses_sites(request: Request) -> bool:
    """Whether another site's page had a browser ask; programs, which send neither header, pass."""
    if request.method in ("GET", "HEAD") and request.scope["path"] == "/":
        return False  # a link to the page may be anywhere
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return True
    origin = request.headers.get("origin")
    return origin is not None and origin != f"{request.scope['scheme']}://{request.headers.get('host')}"


def _cookie(request: Request, name: str) -> str:
    # Not by http.cookies: it gives up at another program's cookie of this host that isn't to its taste.
    return request.cookies.get(name, "")


def _same(shown: str, secret: str) -> bool:
    """Compares in a time that tells nothing about the secret."""
    digests = (hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest() for text in (shown, secret))
    return hmac.compare_digest(*digests)
