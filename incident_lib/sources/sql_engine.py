"""The only module that opens databases: SQLite and PostgreSQL through SQLAlchemy, read-only unless it is to write.

No message that leaves this module holds a URL: errors of drivers are said again without what the URL keeps secret. To
read, SQLite is opened with ``mode=ro`` and may attach nothing; PostgreSQL reads in one read-only transaction at
REPEATABLE READ, so that all tables are of one moment. PostgreSQL's times, dates and numbers come as texts, so that a
value that Python can't hold ("infinity", the year 12026) costs that value.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import sqlalchemy as sa
from psycopg.types.string import TextLoader
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from incident_lib.errors import SourceError

PARTITION = 10_000
_AS_TEXTS = (
    "timestamptz", "timestamp", "date", "time", "timetz", "interval", "numeric", "uuid", "json", "jsonb",
)  # fmt: skip
_DENIED = {sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH}
_SECRET_KEYS = re.compile(r"pass|secret|token|key", re.IGNORECASE)
Rows = list[tuple[Any, ...]]


def parse_url(text: str, folder: Path, label: str) -> URL:
    """Return a database's URL; a SQLite file is looked for from the workbook's folder.

    Raises:
        SourceError: if it is no URL of SQLite or PostgreSQL; nothing of it is said.
    """
    expected = "expected sqlite:///incidents.db or postgresql://user@host/name"
    try:
        url = sa.make_url(text.strip())
    except (ArgumentError, ValueError):
        raise SourceError(f"database {label!r}: its address is no URL; {expected}") from None
    if url.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername in ("sqlite", "sqlite+pysqlite") and url.database and url.database != ":memory:":
        return url.set(drivername="sqlite+pysqlite", database=str((folder / url.database).resolve()))
    raise SourceError(f"database {label!r}: not a database that is read here ({url.drivername}); {expected}")


@contextmanager
def reading(url: URL, label: str) -> Iterator[sa.Connection]:
    """Give a connection that can only read, in one transaction.

    Raises:
        SourceError: if the database can't be reached or read; without anything secret.
    """
    if url.get_backend_name() == "sqlite":
        if not Path(str(url.database)).is_file():
            raise SourceError(f"database {label!r}: there is no such SQLite file")
        engine = _sqlite(url, read_only=True)
    else:
        options = "-c timezone=UTC -c default_transaction_read_only=on"
        engine = _postgres(url, options, {"postgresql_readonly": True}, isolation_level="REPEATABLE READ")
    with _masking(url, label), _disposing(engine), engine.begin() as connection:
        yield connection


@contextmanager
def writing(url: URL, label: str) -> Iterator[sa.Connection]:
    """Give a connection that writes, in one transaction: all of it or nothing.

    Raises:
        SourceError: if the database can't be reached or written; without anything secret.
    """
    is_sqlite = url.get_backend_name() == "sqlite"
    if is_sqlite and not Path(str(url.database)).parent.is_dir():
        raise SourceError(f"database {label!r}: there is no folder for its SQLite file")
    engine = _sqlite(url, read_only=False) if is_sqlite else _postgres(url, "-c timezone=UTC", {})
    with _masking(url, label), _disposing(engine), engine.begin() as connection:
        yield connection


def table_names(connection: sa.Connection, schema: str | None) -> set[str]:
    """Return the names of the tables and views in a schema (None: the one that is looked at first)."""
    inspector = sa.inspect(connection)
    return {*inspector.get_table_names(schema), *inspector.get_view_names(schema)}


def read_table(
    connection: sa.Connection, name: str, schema: str | None, first: tuple[str, ...]
) -> tuple[list[str], Iterator[Rows]]:
    """Return a table's column names and its rows in parts, ordered by those of the columns ``first`` that it has."""
    names = [str(column["name"]) for column in sa.inspect(connection).get_columns(name, schema)]
    columns = [sa.column(column) for column in names]
    order = [sa.column(column).nulls_last() for column in first if column in names]
    query = sa.select(*columns).select_from(sa.table(name, schema=schema)).order_by(*order)
    return names, _parts(connection.execution_options(stream_results=True).execute(query))


def read_query(connection: sa.Connection, query: str) -> tuple[list[str], Iterator[Rows]]:
    """Return the column names and the rows of a query as it stands in the settings, in parts."""
    plain = connection.execution_options(stream_results=True, no_parameters=True)
    result = plain.exec_driver_sql(query)
    return list(result.keys()), _parts(result)


def _parts(result: sa.CursorResult[Any]) -> Iterator[Rows]:
    for part in result.partitions(PARTITION):
        yield [tuple(row) for row in part]


def _sqlite(url: URL, *, read_only: bool) -> sa.Engine:
    path = quote(str(url.database))

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{path}?mode={'ro' if read_only else 'rwc'}", uri=True, isolation_level=None, timeout=10
        )
        if read_only:
            connection.set_authorizer(_authorised)
        return connection

    engine = sa.create_engine("sqlite+pysqlite://", creator=connect, hide_parameters=True, poolclass=sa.NullPool)
    # Python's own begin would come too late: after the tables are made, before the first row
    begin = "BEGIN" if read_only else "BEGIN IMMEDIATE"
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin) and None)
    return engine


def _authorised(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    denied = action in _DENIED or (action == sqlite3.SQLITE_FUNCTION and second == "load_extension")
    return sqlite3.SQLITE_DENY if denied else sqlite3.SQLITE_OK


def _postgres(url: URL, options: str, execution: dict[str, Any], **rest: Any) -> sa.Engine:
    stated = url.query.get("options")
    both = f"{stated} {options}" if isinstance(stated, str) else options
    engine = sa.create_engine(
        url.difference_update_query(["options"]),
        connect_args={"options": both, "connect_timeout": 10},
        execution_options=execution,
        hide_parameters=True,
        poolclass=sa.NullPool,
        **rest,
    )
    sa.event.listen(engine, "connect", _as_texts)
    return engine


def _as_texts(connection: Any, _: Any) -> None:
    for name in _AS_TEXTS:
        connection.adapters.register_loader(name, TextLoader)


@contextmanager
def _disposing(engine: sa.Engine) -> Iterator[None]:
    try:
        yield
    finally:
        engine.dispose()


@contextmanager
def _masking(url: URL, label: str) -> Iterator[None]:
    """Turn a driver's error into one sentence without secrets; its traceback, which might hold them, is left behind."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError, UnicodeDecodeError) as error:
        said = str(getattr(error, "orig", None) or error).strip().split("\n[SQL:")[0]
        sentence = " ".join(masked(said, url).split())
    else:
        return
    raise SourceError(f"database {label!r}: {sentence[:400]}")


def masked(text: str, url: URL) -> str:
    """Return a text without the URL's secrets, however they are written in it."""
    whole = [url.render_as_string(hide_password=False), url.render_as_string(hide_password=True)]
    keys = [str(value) for key, value in url.query.items() if _SECRET_KEYS.search(key)]
    secrets = [secret for secret in (url.password, *keys) if secret]
    forms = (str, lambda secret: quote(secret, safe=""), quote_plus, lambda secret: repr(secret)[1:-1])
    written = {form(secret) for secret in secrets for form in forms}
    for secret in sorted({*whole, *written}, key=len, reverse=True):
        text = text.replace(secret, "***")
    return re.sub(r"\b(?:postgres\w*(?:\+\w+)?|sqlite\w*)://\S+", "***", text)
