"""Who may see the page: users with passwords, their sessions, and the limit on failed logins."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections import defaultdict, deque
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from monitor.errors import MonitorError
from monitor.feed_tokens import is_token_of
from monitor.models import now
from monitor.time_text import short_duration

if TYPE_CHECKING:
    from monitor.config.schema import WebSettings, WebUser
    from monitor.store.protocol import Settings

SESSION_IDLE_TIMEOUT = timedelta(hours=12)
SESSION_MAX_AGE = timedelta(days=7)
MAX_SESSIONS = 10_000  # the one that was used the longest time ago ends first
LOGIN_WINDOW = timedelta(minutes=5)
MAX_FAILED_LOGINS = 5  # of one name or address within LOGIN_WINDOW
MAX_PASSWORD_CHARACTERS = 1000
VERIFIED_FOR = timedelta(minutes=5)  # a program sends its password with each request
_NEVER = datetime.min.replace(tzinfo=UTC)
#: Compared with when a name is unknown, so that the answer takes as long.
_UNUSED_HASH = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$gQ+I8gBl1Vd1Y9Yw6Ojr2mLDk7p1zY0D1M6cWcUuJ5A"


@dataclass(frozen=True, slots=True)
class User:
    """A person who uses the page; ``name`` is empty where nobody logs in."""

    name: str
    is_editor: bool


#: The user of a page on loopback without users.
LOCAL_USER = User("", is_editor=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Session:
    user: str
    began_at: datetime
    used_at: datetime


class Sessions:
    """The sessions of logged-in users, in memory: they end with the process.

    A session is known by the hash of its token, so that a copy of the process's memory shows no usable token.
    """

    def __init__(self) -> None:
        self._by_hash: dict[str, _Session] = {}
        self._lock = threading.Lock()
        self._form_key = secrets.token_bytes(32)

    def begin(self, user: str) -> str:
        """Returns the token of a new session."""
        token, at = secrets.token_urlsafe(32), now()
        with self._lock:
            self._by_hash[_token_hash(token)] = _Session(user=user, began_at=at, used_at=at)
            while len(self._by_hash) > MAX_SESSIONS:
                del self._by_hash[min(self._by_hash, key=lambda key: self._by_hash[key].used_at)]
        return token

    def user(self, token: str) -> str | None:
        """Returns the name of the session's user; None if there is no such session or it has expired."""
        key, at = _token_hash(token), now()
        with self._lock:
            session = self._by_hash.get(key)
            if session is None:
                return None
            if at > session.used_at + SESSION_IDLE_TIMEOUT or at > session.began_at + SESSION_MAX_AGE:
                del self._by_hash[key]
                return None
            self._by_hash[key] = replace(session, used_at=at)
            return session.user

    def end(self, token: str) -> None:
        with self._lock:
            self._by_hash.pop(_token_hash(token), None)

    def form_token(self, cookie: str) -> str:
        """Returns the token that a form must send back; only the holder of the cookie gets it from a page."""
        return hmac.new(self._form_key, cookie.encode(), hashlib.sha256).hexdigest()

    def is_form_token(self, token: str, cookie: str) -> bool:
        return hmac.compare_digest(token.encode(), self.form_token(cookie).encode())


def _token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class LoginLimit:
    """Counts failed logins by name and by address.  Methods may be called from any thread."""

    def __init__(self) -> None:
        self._failures: defaultdict[str, deque[datetime]] = defaultdict(deque)
        self._lock = threading.Lock()

    def wait(self, *keys: str) -> timedelta | None:
        """Returns how long these keys must wait before the next attempt; None if they need not."""
        at = now()
        with self._lock:
            waits = []
            for key in keys:
                recent = self._failures.get(key)
                while recent and recent[0] <= at - LOGIN_WINDOW:
                    recent.popleft()
                if recent is not None and not recent:
                    del self._failures[key]
                elif recent and len(recent) >= MAX_FAILED_LOGINS:
                    waits.append(recent[0] + LOGIN_WINDOW - at)
            return max(waits, default=None)

    def count_failure(self, *keys: str) -> None:
        with self._lock:
            for key in keys:
                self._failures[key].append(now())

    def forget(self, *keys: str) -> None:
        with self._lock:
            for key in keys:
                self._failures.pop(key, None)


class TooManyLogins(MonitorError):
    """A name or an address has failed to log in too often; ``wait`` is the time until it may try again."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(f"too many failed logins; try again in {short_duration(wait)}")
        self.wait = wait

    @property
    def retry_after(self) -> str:
        """The seconds to wait, for the header Retry-After."""
        return str(int(self.wait.total_seconds()) + 1)


class Accounts:
    """Verifies passwords and keeps the sessions of the users.  Methods may be called from any thread."""

    def __init__(self) -> None:
        self.sessions = Sessions()
        self._limit = LoginLimit()
        self._slots = threading.BoundedSemaphore(2)  # each verification takes 64 MB and a tenth of a second
        self._verified: dict[bytes, datetime] = {}  # until when a name and password need no verification
        self._key = secrets.token_bytes(32)

    def verify(self, name: str, user: WebUser | None, password: str, address: str) -> bool:
        """Returns True if this is the password of the user, None if there is no user of this name.

        Takes as long if there is no such user.  Raises TooManyLogins after too many failures of this name or address.
        """
        stored = user.password.get_secret_value() if user and user.password else _UNUSED_HASH
        secret = hmac.new(self._key, f"{stored}\0{name}\0{password}".encode(), hashlib.sha256).digest()
        if self._verified.get(secret, _NEVER) > now():
            return True
        keys = f"name {name.casefold()}", f"address {address}"
        with self._slots:  # attempts that waited here see the failures of those before
            if wait := self._limit.wait(*keys):
                raise TooManyLogins(wait)
            if not self._is_password(stored, password) or user is None or user.password is None:
                self._limit.count_failure(*keys)
                return False
        self._limit.forget(*keys)
        if len(self._verified) > MAX_SESSIONS:
            self._verified.clear()
        self._verified[secret] = now() + VERIFIED_FOR
        return True

    @staticmethod
    def _is_password(stored: str, password: str) -> bool:
        from argon2 import PasswordHasher
        from argon2.exceptions import InvalidHashError, VerificationError

        try:
            return PasswordHasher().verify(stored, password[:MAX_PASSWORD_CHARACTERS])
        except (VerificationError, InvalidHashError):
            return False


class FeedAccess:
    """Verifies the tokens of feed readers, and limits failures as those of logins.

    A reader whose token was right before need not wait for the failures of others with its name or address.
    """

    def __init__(self, store: Settings) -> None:
        self._store = store
        self._limit = LoginLimit()
        self._key = secrets.token_bytes(32)
        self._verified: set[bytes] = set()

    def verify(self, name: str, token: str, address: str) -> bool:
        """Returns True if this is the feed token of the user.  Raises TooManyLogins or StoreError."""
        secret = hmac.new(self._key, f"{name}\0{token}".encode("utf-8", "replace"), hashlib.sha256).digest()
        keys = f"name {name.casefold()}", f"address {address}"
        if secret not in self._verified and (wait := self._limit.wait(*keys)):
            raise TooManyLogins(wait)
        if not is_token_of(self._store, name, token):
            self._verified.discard(secret)
            self._limit.count_failure(*keys)
            return False
        self._limit.forget(*keys)
        if len(self._verified) >= MAX_SESSIONS:
            self._verified.clear()
        self._verified.add(secret)
        return True


def find_user(settings: WebSettings, name: str) -> WebUser | None:
    """Returns the configured user of this name."""
    return next((user for user in settings.users if user.name == name), None)


def hash_password(password: str) -> str:
    """Returns the argon2id hash of a password, for ``web.users``."""
    from argon2 import PasswordHasher

    return PasswordHasher().hash(password)
