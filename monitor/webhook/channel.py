"""The channel of webhooks: posts a message to each of its targets."""

from __future__ import annotations

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import orjson

from monitor import __version__
from monitor.errors import DeliveryRefused, DeliveryUnavailable, DeliveryUnknown
from monitor.notify.target_results import TargetResults
from monitor.webhook import CHANNEL_NAME, describe
from monitor.webhook.payload import payload_bytes
from monitor.webhook.post import post, try_connection
from monitor.webhook.signature import secret_key, signature

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from monitor.config import Config
    from monitor.models import Hit, Story
    from monitor.notify.channel import Message, Refusals
    from monitor.webhook.post import Reply

MAX_CONCURRENT_TARGETS = 8  # of one message
# After these a later attempt may succeed: time-out, conflict with an attempt under way, too early, too many requests.
_TEMPORARY_STATUSES = frozenset({408, 409, 423, 425, 429})


class WebhookChannel:
    """Implements `monitor.notify.channel.Channel`; the targets are names of URLs, see `monitor.notify.targets`."""

    def __init__(self, config: Config, *, clock: Callable[[], float] = time.time) -> None:
        self._config = config
        self._clock = clock
        self._urls = {
            target: url for alert in config.alerts for target, url in alert.urls_by_target(CHANNEL_NAME).items()
        }

    @property
    def server_settings(self) -> str:
        return orjson.dumps([sorted(self._urls.values()), self._config.webhook.secret_texts]).decode()

    def open(self) -> None:
        """Does nothing: each request has a connection of its own."""

    def compose(
        self, message: Message, stories: Mapping[str, Story], hits: Mapping[str, Hit], *, at: datetime
    ) -> bytes:
        return payload_bytes(self._config, message, stories, hits, at=at)

    @staticmethod
    def describe(target: str) -> str:
        return describe(target)

    def send(self, content: bytes, *, targets: Sequence[str]) -> Refusals:
        message_id = str(orjson.loads(content)["id"])
        results = TargetResults()
        with ThreadPoolExecutor(max_workers=MAX_CONCURRENT_TARGETS) as threads:
            for target, result in [
                (target, threads.submit(self._post, target, content, message_id)) for target in targets
            ]:
                results.add(target, result)
        return results.refusals()

    def try_target(self, target: str) -> None:
        """Connects to the server of a target and sends nothing.  Raises DeliveryUnavailable if that fails."""
        try_connection(self._urls[target], timeout=self._config.webhook.timeout.total_seconds())

    def close(self) -> None:
        """Does nothing: no connection outlives its request."""

    def _post(self, target: str, body: bytes, message_id: str) -> None:
        """Posts the body to one target.  Raises DeliveryError unless the server accepts it."""
        url = self._urls.get(target)
        if url is None:
            raise DeliveryUnavailable("this address is no longer in the configuration")
        timestamp = int(self._clock())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"media-monitor/{__version__}",
            "Idempotency-Key": idempotency_key(message_id, url),
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
        }
        secret = self._config.webhook.secret_of(urlsplit(url).hostname or "")
        if secret is not None:
            key = secret_key(secret)
            headers["webhook-signature"] = signature(key, message_id=message_id, timestamp=timestamp, body=body)
        _require_success(post(url, body, headers, timeout=self._config.webhook.timeout.total_seconds()))


def idempotency_key(message_id: str, url: str) -> str:
    """Returns the key under which a receiver recognises a repeated request: one for each message and URL."""
    return hashlib.sha256(f"{message_id}\n{url}".encode()).hexdigest()[:32]


def _require_success(reply: Reply) -> None:
    """Raises DeliveryError for a reply that is no success; an unclear one may have been a success."""
    if 200 <= reply.status < 300:
        return
    if 300 <= reply.status < 400:
        to = f" to {reply.location}" if reply.location else ""
        raise DeliveryRefused(f"redirects{to}, which is not followed ({reply.status})", hint="write the final address")
    if 400 <= reply.status < 500 and reply.status not in _TEMPORARY_STATUSES:
        raise DeliveryRefused(str(reply))
    if reply.status in _TEMPORARY_STATUSES or reply.status == 503:
        raise DeliveryUnavailable(str(reply), retry_after=reply.retry_after)
    # As 500, 502 and 504, after which the receiver may have the message.
    raise DeliveryUnknown(str(reply), retry_after=reply.retry_after)
