"""The run that a desk opens, and the databases that it is kept in."""

import os
import shutil
import subprocess
import sys
import tempfile
from itertools import count
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2]))  # reviewed.py is there
sys.path.append(str(Path(__file__).parent))

from reviewed import reviewed_run

__all__ = ["reviewed_run"]
_schemas = count()


@pytest.fixture(scope="session")
def postgres():
    """Address of a PostgreSQL server: $UNMISSED_TEST_DATABASE, or one of Debian's package, started for these tests."""
    given = os.environ.get("UNMISSED_TEST_DATABASE")
    if given:
        yield given
        return
    pytest.importorskip("psycopg", reason="no psycopg")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl")) or [Path(shutil.which("pg_ctl") or "")]
    if not found[-1].is_file():
        pytest.skip("no PostgreSQL server (Debian: apt-get install postgresql)")
    # The server refuses to run as root; Debian's package brings an account for it.
    user = {"user": "postgres"} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="unmissed-"))
    try:
        if user:
            shutil.chown(folder, "postgres")
        control = (str(found[-1]), "-D", str(folder / "data"), "-s", "-w")
        quiet = {"cwd": folder, "check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **user}
        subprocess.run([*control, "init", "-o", "-A trust -U desk -E UTF8 --no-sync"], **quiet)
        settings = f"-c listen_addresses= -k {folder} -c fsync=off"
        subprocess.run([*control, "start", "-l", str(folder / "log"), "-o", settings], **quiet)
        yield f"postgresql+psycopg://desk@/postgres?host={folder}"
        subprocess.run([*control, "stop", "-m", "immediate"], **quiet)
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def schema(postgres):
    """Address of an empty schema of its own on that server; nothing else there is touched."""
    from sqlalchemy import create_engine, text

    name, engine = f"unmissed_test_{os.getpid()}_{next(_schemas)}", create_engine(postgres)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {name}"))
    yield f"{postgres}{'&' if '?' in postgres else '?'}options=-csearch_path%3D{name}"
    with engine.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
    engine.dispose()
