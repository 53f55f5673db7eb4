"""Rows of a real PostgreSQL server, started for the test and stopped at its end."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.errors import InputError
from workbench.intake.frames import Log
from workbench.intake.read import read_file
from workbench.study import Source

pytestmark = pytest.mark.system


def programs() -> Path | None:
    """Debian keeps the server's programs out of the path, by version."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    if found:
        return found[-1].parent
    where = shutil.which("pg_ctl")
    return Path(where).parent if where else None


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    home = programs()
    if home is None:
        pytest.skip("no PostgreSQL server is installed (Debian: postgresql)")
    root = os.geteuid() == 0
    if root and shutil.which("runuser") is None:
        pytest.skip("the server does not start as root, and there is no runuser")
    who = ["runuser", "-u", "postgres", "--"] if root else []
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    if root:
        shutil.chown(folder, "postgres")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [*who, str(home / program), *arguments],
            cwd="/",
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=120,
        )

    data = str(folder / "data")
    (folder / "secret").write_text("rightword\n", encoding="utf-8")
    if root:
        shutil.chown(folder / "secret", "postgres")
    run("initdb", "-D", data, "-U", "reader", "-A", "scram-sha-256", "--pwfile", str(folder / "secret"),
        "-E", "UTF8", "--no-sync")  # fmt: skip
    options = f"-c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    try:
        run("pg_ctl", "-D", data, "-w", "-t", "60", "-o", f"-p {port} {options}", "start")
        yield f"postgresql+pg8000://reader:rightword@127.0.0.1:{port}/postgres"
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            run("pg_ctl", "-D", data, "-w", "-m", "fast", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def asked(url: str, monkeypatch: pytest.MonkeyPatch, **how: str) -> list[list[str]]:
    monkeypatch.setenv("HOTLINE_DB", url)
    raw = read_file(Path(), Source(file="env:HOTLINE_DB", format="sql", **how), Log(), [])
    return [list(raw.frame.columns), *raw.frame.fillna("").values.tolist()]


def test_types_of_a_server_become_text_and_nothing_is_written(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy import create_engine, text

    engine = create_engine(server)
    with engine.begin() as connection:
        connection.execute(text(
            "create table orders (no text, n bigint, amount numeric(8,2), open boolean,"
            " at timestamp, tz timestamptz, day date, note text)"
        ))  # fmt: skip
        connection.execute(text(
            "insert into orders values ('007', 12345678901, 1.50, true, '2026-10-09 12:30:00',"
            " '2026-10-09 12:30:00+08', '2026-10-09', '电梯坏了'), ('006', 2, null, false, null,"
            " null, null, '')"
        ))  # fmt: skip
    engine.dispose()
    rows = asked(server, monkeypatch, sheet="orders")
    assert rows[1] == ["006", "2", "", "false", "", "", "", ""]
    assert rows[2][:5] == ["007", "12345678901", "1.5", "true", "2026-10-09 12:30:00"]
    assert rows[2][5].startswith("2026-10-09 04:30:00")
    assert rows[2][6:] == ["2026-10-09", "电梯坏了"]
    query = "with a as (select no from orders) select no from a order by no desc"
    assert asked(server, monkeypatch, query=query) == [["no"], ["007"], ["006"]]
    with pytest.raises(InputError):
        asked(
            server,
            monkeypatch,
            query="with a as (delete from orders returning no) select no from a",
        )
    assert len(asked(server, monkeypatch, sheet="orders")) == 3


def test_midnight_of_another_zone_is_no_missing_time_of_day(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = "select timestamptz '2026-10-09 08:00:00+08' as a, timestamp '2026-10-09' as b"
    rows = asked(server, monkeypatch, query=query)
    assert rows[1] == ["2026-10-09 00:00:00+00:00", "2026-10-09"]


@pytest.mark.parametrize(
    ("change", "how"),
    [("wrongword", {"sheet": "orders"}), ("rightword", {"sheet": "nosuch"})],
    ids=["wrong password", "no such table"],
)
def test_what_the_server_refuses_is_told_without_the_password(
    server: str, monkeypatch: pytest.MonkeyPatch, change: str, how: dict[str, str]
) -> None:
    with pytest.raises(InputError) as caught:
        asked(server.replace("rightword", change), monkeypatch, **how)
    [problem] = caught.value.problems
    assert problem.code == "source.database"
    assert re.fullmatch(r"\w+: (password|relation) .*", problem.found)  # the server's own words
    assert change not in str(caught.value)
