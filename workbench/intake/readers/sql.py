"""Rows of a database to a grid: its URL from the environment, one question, nothing written."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError
from workbench.intake.frames import refuse
from workbench.intake.readers.columnar import value_text
from workbench.intake.readers.export import Grid

if TYPE_CHECKING:
    from workbench.study import Join, Source

__all__ = ["PREFIX", "sql"]

PREFIX = "env:"
_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,59}\Z")
_READS = re.compile(r"\s*(?:select|with)\b", re.I)
_ALL = "select * from "
_MOST = 60_000_000
"""Cells of an answer, which is held whole to be sorted."""
_TABLE = re.compile(r"[^\W\d]\w{0,62}(?:\.[^\W\d]\w{0,62})?\Z")


def sql(how: Source | Join, environ: Mapping[str, str]) -> tuple[Grid, str]:
    """Give the rows that a source asks a database for, and the SHA-256 of what came.

    Parameters
    ----------
    how
        ``file: env:NAME`` names the variable that holds the URL (SQLAlchemy's form), so that no
        password stands in the study; ``sheet:`` a table or view, or ``query:`` one SELECT. The
        order of the rows is the query's own; without ORDER BY they are sorted, so that the same
        rows give the same bytes.
    environ
        Where the variable is looked up.

    Raises
    ------
    InputError
        The variable is not set, no driver, no connection, or the database refuses. No message
        holds the URL.
    """
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

    file, name = how.file, how.file.removeprefix(PREFIX)
    url = environ.get(name) if _NAME.match(name) and how.file.startswith(PREFIX) else None
    if not url:
        raise refuse(
            "source.environment",
            file,
            f"环境变量 {name[:60]} 没有设置",
            f"the environment variable {name[:60]} is not set",
            "写 file: env:变量名（大写），运行前把数据库的 URL 放入该环境变量",
            "write file: env:NAME (capitals) and put the database's URL into that variable",
            expected="env:HOTLINE_DB",
        )
    query = _query(how)
    try:
        engine = create_engine(url)
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError) as error:
        raise _failed(file, error, url) from None
    base = engine.url.database or ""
    own = engine.dialect.name == "sqlite" and base and not base.startswith((":memory:", "file:"))
    if own and not Path(base).is_file():  # SQLite would make an empty one there
        raise _failed(file, FileNotFoundError(f"no file {Path(base).name}"), url)
    if how.query is None and query == query.lower():  # a table may be called order or group
        quote = engine.dialect.identifier_preparer.quote
        query = _ALL + ".".join(map(quote, query.removeprefix(_ALL).split(".")))
    try:
        with engine.connect() as connection:
            # a SELECT can still write, through WITH or a function: the server itself forbids it
            if engine.dialect.name == "postgresql":
                connection.execution_options(postgresql_readonly=True)
            elif engine.dialect.name == "sqlite":
                connection.exec_driver_sql("pragma query_only = on")
            result = connection.execute(text(query))
            titles = [str(title) for title in result.keys()]  # noqa: SIM118 - rows, no dict
            rows: list[list[str]] = []
            for row in result:
                rows.append([value_text(value) for value in row])
                if len(rows) * max(len(titles), 1) > _MOST:
                    raise refuse(
                        "file.too-large",
                        file,
                        "查询返回过多",
                        "the query gives too many cells",
                        "在 query: 中限定列与时间",
                        "limit columns and time in query:",
                        expected=f"≤ {_MOST}",
                    )
            connection.rollback()
    except InputError:
        raise
    except (SQLAlchemyError, TypeError, ValueError, OSError) as error:
        raise _failed(file, error, url) from None
    except Exception as error:  # drivers raise errors of their own on a broken connection
        raise _failed(file, error, url) from None
    finally:
        engine.dispose()
    if not re.search(r"\border\s+by\b", query, re.I):
        rows.sort()
    told = "\n".join("\x1f".join(row) for row in [titles, *rows])
    return Grid([titles, *rows], how), hashlib.sha256(told.encode()).hexdigest()


def _query(how: Source | Join) -> str:
    """Give the one question that is asked."""
    if how.query is not None and how.sheet is None and _READS.match(how.query):
        if ";" not in how.query.rstrip().rstrip(";"):
            return how.query.rstrip().rstrip(";")
    elif how.query is None and how.sheet is not None and _TABLE.match(how.sheet):
        return _ALL + how.sheet  # a plain name, checked above
    raise refuse(
        "source.query",
        how.file,
        "须写 sheet: 表名，或 query: 一条 SELECT",
        "either sheet: with the name of a table, or query: with one SELECT is needed",
        "改正该数据源",
        "correct the source",
        expected="select … from …",
        found=(how.query or how.sheet or "")[:60],
    )


def _failed(file: str, error: Exception, url: str) -> InputError:
    """Give the refusal for what the database or its driver said, without the URL's secrets."""
    said: Any = getattr(error, "orig", None) or error
    fields = said.args[0] if said.args and isinstance(said.args[0], dict) else {}
    words = " ".join(str(fields.get("M", said)).split())  # pg8000 gives the server's fields
    for part in {url, *re.findall(r"(?<=:)[^:@/]+(?=@)", url)}:
        words = words.replace(part, "…")
    return refuse(
        "source.database",
        file,
        "数据库没有给出数据",
        "the database gave no rows",
        "检查 URL、驱动（如 postgresql+pg8000://）、权限与查询",
        "check URL, driver (for example postgresql+pg8000://), rights and query",
        found=f"{type(said).__name__}: {words}"[:160],
    )
