"""The crawl state of outlets in SQLite, and the leases under which processes poll outlets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from monitor.errors import LeaseLost
from monitor.models import OutletState
from monitor.store.microseconds import micros
from monitor.store.protocol import INITIAL_POLL_INTERVAL, MAX_LEASE_TERM
from monitor.store.sqlite import rows, sql

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    import apsw

    from monitor.store.sqlite.database import Database


class Leases:
    """Keeps outlets and their leases; implements `monitor.store.protocol.Leases`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def lease(
        self,
        names: Sequence[str],
        *,
        holder: str,
        now: datetime,
        term: timedelta,
        limit: int,
        due_only: bool = True,
    ) -> list[OutletState]:
        parameters = {
            **_lease_parameters(holder, now, term, limit),
            "names": rows.json_text(list(names)),
            "due_only": due_only,
        }
        with self._database.write_transaction() as connection:
            _add_outlets(connection, names, now)
            return _leased(connection, sql.LEASE_OUTLETS, parameters)

    def add_outlets(self, names: Sequence[str], *, now: datetime) -> None:
        with self._database.write_transaction() as connection:
            _add_outlets(connection, names, now)

    def lease_due(
        self, *, excluded: Sequence[str], holder: str, now: datetime, term: timedelta, limit: int
    ) -> list[OutletState]:
        parameters = {**_lease_parameters(holder, now, term, limit), "excluded": rows.json_text(list(excluded))}
        with self._database.read_connection() as connection:
            if not connection.execute(sql.SELECT_ONE_DUE_OUTLET, parameters).get:
                return []  # without waiting for the write lock
        with self._database.write_transaction() as connection:
            return _leased(connection, sql.LEASE_DUE_OUTLETS, parameters)

    def renew(self, state: OutletState, *, now: datetime, term: timedelta) -> OutletState:
        with self._database.write_transaction() as connection:
            until = micros(now + term)
            parameters = (until, state.name, state.fencing_token, state.holder)
            if not connection.execute(sql.RENEW_LEASE, parameters).get:
                raise LeaseLost(f"another process polls {state.name} now")
        return replace(state, lease_until=now + term)

    def release(self, state: OutletState) -> None:
        if self.release_all([state]):
            raise LeaseLost(f"another process polls {state.name} now")

    def release_all(self, states: Sequence[OutletState]) -> list[str]:
        lost = []
        with self._database.write_transaction() as connection:
            for state in states:
                parameters = (micros(state.next_poll_at), rows.state_json(state), state.name, state.fencing_token)
                if not connection.execute(sql.RELEASE_LEASE, parameters).get:
                    lost.append(state.name)
        return lost

    def make_due(self, name: str, *, at: datetime, now: datetime) -> bool:
        with self._database.write_transaction() as connection:
            parameters = (micros(at), name, micros(now))
            return bool(connection.execute(sql.MAKE_OUTLET_DUE, parameters).get)

    def outlets(self, names: Sequence[str] | None = None) -> list[OutletState]:
        with self._database.read_connection() as connection:
            if names is None:
                selected = connection.execute(sql.SELECT_OUTLETS)
            else:
                selected = connection.execute(sql.SELECT_NAMED_OUTLETS, (rows.json_text(list(names)),))
            return [rows.outlet_state(row) for row in selected]


def _add_outlets(connection: apsw.Connection, names: Sequence[str], now: datetime) -> None:
    initial_state = rows.state_json(OutletState(name="", next_poll_at=now, interval=INITIAL_POLL_INTERVAL))
    connection.execute(sql.ADD_OUTLETS, (rows.json_text(list(names)), micros(now), initial_state))


def _lease_parameters(holder: str, now: datetime, term: timedelta, limit: int) -> dict[str, apsw.SQLiteValue]:
    return {
        "holder": holder,
        "until": micros(now + term),
        "now": micros(now),
        "latest": micros(now + MAX_LEASE_TERM),
        "limit": limit,
    }


def _leased(connection: apsw.Connection, statement: str, parameters: dict[str, apsw.SQLiteValue]) -> list[OutletState]:
    states = [rows.outlet_state(row) for row in connection.execute(statement, parameters)]
    return sorted(states, key=lambda state: (state.next_poll_at, state.name))
