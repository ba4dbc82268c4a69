"""The channel of chat services: sends a message to each of its targets through apprise."""

from __future__ import annotations

import logging
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import orjson

from monitor.chat import CHANNEL_NAME, describe
from monitor.chat.text import MAX_TITLE_CHARACTERS, ChatMessage, chat_message
from monitor.digests.digest import digest_of
from monitor.errors import DeliveryRefused, DeliveryUnavailable, DeliveryUnknown
from monitor.notify.target_results import TargetResults

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from monitor.chat.text import Markup
    from monitor.config import Config
    from monitor.models import Hit, Story
    from monitor.notify.channel import Message, Refusals

INSTALL_HINT = "pip install 'media-monitor[chat]'"
MAX_CONCURRENT_TARGETS = 8  # of one message
MAX_BODY_CHARACTERS = 8000  # also where a service takes more
MAX_BLOCK_CHARACTERS = 2900  # of a block of Slack, which takes 3,000
_HTML_EXPANSION = 0.6  # part of a service's limit that Markdown may take which becomes HTML
_STATUS_PATTERN = re.compile(r"error=(\d{3})")  # in apprise's log, its only report of the reason
_TEMPORARY_STATUSES = frozenset({408, 409, 425, 429})


class ChatChannel:
    """Implements `monitor.notify.channel.Channel`; the targets are names of URLs, see `monitor.notify.targets`."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._urls = {
            target: url for alert in config.alerts for target, url in alert.urls_by_target(CHANNEL_NAME).items()
        }

    @property
    def server_settings(self) -> str:
        return "\n".join(sorted(self._urls.values()))

    def open(self) -> None:
        """Raises DeliveryUnavailable if apprise is not installed; each message has a connection of its own."""
        try:
            import apprise  # noqa: F401
        except ImportError:
            raise DeliveryUnavailable("chat services need the library apprise", hint=INSTALL_HINT) from None

    def compose(
        self, message: Message, stories: Mapping[str, Story], hits: Mapping[str, Hit], *, at: datetime
    ) -> bytes:
        digest = digest_of(self._config, message, stories, hits, at=at)
        return orjson.dumps(chat_message(digest, message, at=at).to_json())

    @staticmethod
    def describe(target: str) -> str:
        return describe(target)

    def send(self, content: bytes, *, targets: Sequence[str]) -> Refusals:
        message = ChatMessage.from_json(orjson.loads(content))
        results = TargetResults()
        with ThreadPoolExecutor(max_workers=MAX_CONCURRENT_TARGETS) as threads:
            for target, result in [(target, threads.submit(self._send, target, message)) for target in targets]:
                results.add(target, result)
        return results.refusals()

    def try_target(self, target: str) -> None:
        """Checks that apprise understands a target's URL.  Raises DeliveryRefused; sends and connects nothing."""
        self.open()
        self._service(target)

    def close(self) -> None:
        """Does nothing: no connection outlives its message."""

    def _service(self, target: str) -> Any:
        """Returns apprise's object for a target.  Raises DeliveryRefused if apprise does not understand its URL."""
        import apprise

        url = self._urls.get(target)
        if url is None:
            raise DeliveryUnavailable("this address is no longer in the configuration")
        # No icons: they would be loaded from a server of apprise's author.
        asset = apprise.AppriseAsset(
            app_id="media-monitor", app_desc="media-monitor", image_url_mask="", image_url_logo="", async_mode=False
        )
        service = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
        if service is None:
            name = url.partition("://")[0]
            raise DeliveryRefused(
                f"apprise does not understand this {name}:// address", hint="https://appriseit.com lists the forms"
            )
        return service

    def _send(self, target: str, message: ChatMessage) -> None:
        """Sends a message to one target.  Raises DeliveryError unless the service accepts it."""
        service = self._service(target)
        shown_as = service.resolve_format("markdown").value
        markup: Markup = "text" if shown_as == "text" else "markdown"
        limit = min(service.body_maxlen, MAX_BODY_CHARACTERS)
        if service.title_maxlen == 0:  # then apprise writes the title above the body
            limit -= MAX_TITLE_CHARACTERS + 10
        if shown_as == "html":
            limit = int(limit * _HTML_EXPANSION)
        body = message.body(markup, max_characters=limit)
        if hasattr(service, "use_blocks") and len(body) <= MAX_BLOCK_CHARACTERS:
            service.use_blocks = True
        with _apprise_log() as lines:
            is_sent = service.notify(title=message.title, body=body, body_format=markup)
        if not is_sent:
            raise _error_of_log(lines)


def _error_of_log(lines: Sequence[str]) -> DeliveryRefused | DeliveryUnavailable:
    """Returns the error that apprise has logged; only the status of a reply, because the rest may have secrets."""
    match = next(filter(None, map(_STATUS_PATTERN.search, lines)), None)
    if match is None:
        return DeliveryUnknown("the service does not answer")
    status = int(match[1])
    if status in _TEMPORARY_STATUSES:
        return DeliveryUnavailable(f"the service takes no message now: status {status}")
    if 400 <= status < 500:
        return DeliveryRefused(f"the service refuses the message: status {status}", hint="check the address in `to`")
    return DeliveryUnknown(f"the service failed: status {status}")


@contextmanager
def _apprise_log() -> Iterator[list[str]]:
    """Yields a list that gets the lines which apprise logs in this thread while the block runs."""
    handler = _ThreadLog()
    logger = logging.getLogger("apprise")
    logger.addHandler(handler)
    try:
        yield handler.lines
    finally:
        logger.removeHandler(handler)


class _ThreadLog(logging.Handler):
    """Keeps the lines of the thread that has made it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.lines.append(record.getMessage())
