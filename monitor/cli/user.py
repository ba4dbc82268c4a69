"""``user``: the users of the page."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from monitor.cli.context import CommandContext, with_context
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from monitor.models import Json

MIN_PASSWORD_CHARACTERS = 12


@click.group("user")
@with_context
def user_command(context: CommandContext) -> None:
    """Add users of the page, and list them.

    \b
    Examples:
      media-monitor user add ines --role editor
      media-monitor user feed-token ines
      media-monitor user list
    """


@user_command.command("add")
@click.argument("name")
@click.option("--role", type=click.Choice(["reader", "editor"]), default=None, help="Editors may change alerts.")
@click.option("--print", "is_printed", is_flag=True, help="Print the entry instead of writing it to the file.")
@with_context
def add_command(context: CommandContext, *, name: str, role: str | None, is_printed: bool) -> None:
    """Write a user to web.users of the configuration, with the hash of a password; of a user that exists, change it.

    Asks for the password; without a terminal, reads it from stdin.

    \b
    Examples:
      media-monitor user add ines --role editor
      pass show monitor | media-monitor user add ines
    """
    from monitor.cli.serve import require_libraries

    require_libraries()
    from monitor import config_edit
    from monitor.web.accounts import hash_password

    existing = next((user for user in context.config.web.users if user.name == name), None)
    password = _read_password()
    values: Json = {"name": name, "password": hash_password(password)}
    if role is not None or existing is None:
        values["role"] = role or "reader"
    if is_printed:
        click.echo(f"- {{name: {name!r}, password: '{values['password']}', role: {values.get('role', 'reader')}}}")
        return
    path = context.config_path
    text = path.read_text(encoding="utf-8")
    changed = config_edit.text_with_user(text, existing.name if existing else None, values)
    config_edit.write_config(path, changed, environ=os.environ, expected_digest=config_edit.digest_of(text))
    done = "has a new password" if existing else f"was added as {values['role']}"
    context.out.print(f"{name} {done} in {path}.", markup=False)


@user_command.command("list")
@with_context
def list_command(context: CommandContext) -> None:
    """Show the users of the page and their roles.

    \b
    Examples:
      media-monitor user list
    """
    for user in context.config.web.users:
        login = "password" if user.password else "reverse proxy only"
        context.out.print(f"{user.name}  {user.role}  {login}", markup=False)
    if not context.config.web.users:
        context.err.print("No users: on a loopback address the page needs none.")


@user_command.command("feed-token")
@click.argument("name")
@click.option("--revoke", is_flag=True, help="End the token instead of making another.")
@with_context
def feed_token_command(context: CommandContext, *, name: str, revoke: bool) -> None:
    """Make a token with which the feed readers of a user fetch feeds from the page; it ends the one before.

    A reader sends the name as user and the token as password (HTTP Basic).  The token opens feeds only, and is shown
    once: the store keeps a hash.

    \b
    Examples:
      media-monitor user feed-token ines
      media-monitor user feed-token ines --revoke
    """
    from monitor.feed_tokens import make_token, revoke_token
    from monitor.models import now

    settings = context.config.web
    names = [user.name for user in settings.users]
    if name not in names and settings.user_header is None and not revoke:
        raise MonitorError(f"there is no user {name!r}", hint=f"media-monitor user add {name}")
    with context.open_store() as store:
        if revoke:
            is_ended = revoke_token(store, name)
            context.out.print(f"{name} has no feed token {'any more' if is_ended else 'to end'}.", markup=False)
            return
        click.echo(make_token(store, name, at=now()))
        context.err.print(f"Feed readers send {name} as user and this token as password.", markup=False)


def _read_password() -> str:
    """Returns the password that the user types twice, or the first line of stdin.  Raises MonitorError."""
    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if len(password) < MIN_PASSWORD_CHARACTERS:
        raise MonitorError(f"the password has fewer than {MIN_PASSWORD_CHARACTERS} characters", hint="use a longer one")
    return str(password)
