"""``serve``: shows the monitor's page."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from monitor.cli.context import CommandContext, with_context
from monitor.errors import MonitorError

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from monitor.web.services import Services


@click.command("serve")
@click.option("--listen", metavar="HOST:PORT", help="Address of the page (default: web.listen, or 127.0.0.1:8080).")
@with_context
def serve_command(context: CommandContext, *, listen: str | None) -> None:
    """Show the page: search, stories, alerts, outlets and trends, for a browser.

    On an address of this machine it needs no password.  On any other it needs users (`user add`) or the header of a
    reverse proxy (web.user_header).  Ctrl-C or SIGTERM ends it.

    \b
    Examples:
      media-monitor serve
      media-monitor serve --listen 127.0.0.1:8090
      media-monitor run --serve
    """
    with open_page(context, listen) as (services, listening):
        from monitor.web.serving import serve

        serve(services, listening)


@contextmanager
def open_page(context: CommandContext, listen: str | None) -> Iterator[tuple[Services, socket.socket]]:
    """Opens the store and the port of the page, and prints its address.

    Raises ConfigError if the address would let others in, and MonitorError if a library is missing or the port taken.
    """
    require_libraries()
    from monitor.config.types import valid_listen_address
    from monitor.web.accounts import Accounts
    from monitor.web.config_file import ConfigFile
    from monitor.web.services import Services
    from monitor.web.serving import listening_socket, require_access_rules, url_of
    from monitor.web.site_search import SiteSearches

    settings = context.config.web
    address = listen or settings.listen
    try:
        valid_listen_address(address)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--listen") from None
    require_access_rules(settings, address)
    config_file = ConfigFile(context.config_path, context.config, os.environ)
    with listening_socket(address) as listening, context.open_store() as store:
        context.err.print(f"The page is open: {url_of(listening)}", markup=False)
        with SiteSearches(context.config_path) as site_searches:
            services = Services(store=store, config_file=config_file, accounts=Accounts(), site_searches=site_searches)
            yield services, listening


def require_libraries() -> None:
    """Raises MonitorError if the libraries of the extra ``web`` are not installed."""
    from importlib.util import find_spec

    top_levels = ("argon2", "jinja2", "python_multipart", "ruamel", "starlette", "uvicorn")
    missing = [name for name in top_levels if find_spec(name) is None]
    if missing:
        raise MonitorError(
            f"the page needs libraries that are not installed: {', '.join(missing)}",
            hint="pip install 'media-monitor[web]'",
        )
