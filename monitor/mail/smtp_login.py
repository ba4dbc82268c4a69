"""Logs in to a mail server, with a password or an access token."""

from __future__ import annotations

import base64
import binascii
import json
import smtplib
from typing import TYPE_CHECKING

from monitor.errors import DeliveryRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.mail.access_tokens import TokenSource
    from monitor.mail.mail_url import MailServer

TOKEN_MECHANISMS = ("OAUTHBEARER", "XOAUTH2")  # the standard (RFC 7628), and what Google and Microsoft had before it
PASSWORD_MECHANISMS = ("CRAM-MD5", "PLAIN", "LOGIN")  # that smtplib knows


def log_in(session: smtplib.SMTP, server: MailServer, tokens: TokenSource | None) -> None:
    """Logs in as ``server.user``.

    Raises DeliveryRefused if the server offers no usable mechanism, DeliveryUnavailable if there is no token,
    smtplib.SMTPException.
    """
    if not session.has_extn("auth"):
        raise DeliveryRefused(f"{server} offers no login", hint="try port 587, or drop user:password")
    offered = session.esmtp_features.get("auth", "").upper().split()
    if tokens is not None:
        mechanism = _usable(TOKEN_MECHANISMS, offered, server, hint="write a password in mail.url, without a token")
        token = tokens.read()
        message = _oauthbearer(server, token) if mechanism == "OAUTHBEARER" else _xoauth2(server, token)
        _send_token(session, mechanism, message, server)
        return
    hint = "it takes access tokens only: write mail.token_file or mail.token_command"
    _usable(PASSWORD_MECHANISMS, offered, server, hint=hint if set(TOKEN_MECHANISMS) & set(offered) else "")
    session.login(server.user, server.password)


def _usable(mechanisms: tuple[str, ...], offered: list[str], server: MailServer, *, hint: str) -> str:
    """Returns the first mechanism that the server offers.  Raises DeliveryRefused if there is none."""
    for mechanism in mechanisms:
        if mechanism in offered:
            return mechanism
    wanted = f"{', '.join(mechanisms[:-1])} or {mechanisms[-1]}"
    raise DeliveryRefused(f"{server} offers the login {', '.join(offered) or 'of no kind'}, not {wanted}", hint=hint)


def _oauthbearer(server: MailServer, token: str) -> str:
    name = server.user.replace("=", "=3D").replace(",", "=2C")
    return f"n,a={name},\x01host={server.host}\x01port={server.port}\x01auth=Bearer {token}\x01\x01"


def _xoauth2(server: MailServer, token: str) -> str:
    return f"user={server.user}\x01auth=Bearer {token}\x01\x01"


def _send_token(session: smtplib.SMTP, mechanism: str, message: str, server: MailServer) -> None:
    reason = ""

    def answer(challenge: bytes | None = None) -> str:
        nonlocal reason
        if challenge is None:
            return message
        reason = _challenge_text(challenge)
        return "\x01" if mechanism == "OAUTHBEARER" else ""  # then the server sends its refusal

    authenticate: Callable[..., tuple[int, bytes]] = session.auth
    try:
        authenticate(mechanism, answer)
    except smtplib.SMTPAuthenticationError as error:
        text = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        said = " ".join(f"{error.smtp_code} {text} {reason}".split())[:300]
        hint = "the token is of another account, has expired, or lacks the right to send mail"
        raise DeliveryRefused(f"{server} refuses the access token of {server.user}: {said}", hint=hint) from None


def _challenge_text(challenge: bytes) -> str:
    """Returns the reason in a server's challenge, which is JSON; empty if it has none."""
    try:
        data = json.loads(challenge)
    except ValueError:
        try:
            data = json.loads(base64.b64decode(challenge, validate=True))
        except (ValueError, binascii.Error):
            return ""
    return f"(status {data['status']})" if isinstance(data, dict) and "status" in data else ""
