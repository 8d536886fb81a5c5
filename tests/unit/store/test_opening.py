"""Which URLs are those of a store, and what does naming one cost?"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from toolrun.errors import ConfigError, MissingExtra
from toolrun.store import urls
from toolrun.store.opening import sql_store


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:pw@host/db", "postgresql://u:***@host/db"),
        ("postgresql://u@host/db", "postgresql://u@host/db"),
        ("postgresql://host/db?sslmode=require", "postgresql://host/db?sslmode=require"),
        ("postgresql://u:p@ss/w:rd?@host/db", "postgresql://u:***@host/db"),
        (
            "postgresql:///db?user=u&password=pw&host=h",
            "postgresql:///db?user=u&password=***&host=h",
        ),
        ("postgresql:///db?sslpassword=pw", "postgresql:///db?sslpassword=***"),
        ("sqlite:////srv/a.db", "sqlite:////srv/a.db"),
        ("host=db user=u password=pw dbname=d", "host=db user=u password=***"),
        ("u:pw@host/db", "u:***@host/db"),
        ("postgresql:u:pw@host/db", "postgresql:***@host/db"),
    ],
)
def test_passwords_are_not_shown(url: str, shown: str) -> None:
    assert urls.masked(url) == shown


def test_a_path_is_beside_what_runs_or_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert urls.sqlite_path("sqlite:///a/b.db") == tmp_path / "a" / "b.db"
    assert urls.sqlite_path("sqlite:////a/b.db") == Path("/a/b.db")
    assert sql_store("sqlite:///x.db").url == f"sqlite:///{tmp_path}/x.db"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sessions.db",
        "sqlite:",
        "sqlite://",
        "sqlite:///",
        "sqlite://x.db",
        "sqlite:///:memory:",
        "sqlite:///x.db?mode=ro",
        "mysql://u:pw@h/d",
        "host=h password=pw",
        "postgresql:/u:pw@h/d",
    ],
)
def test_what_is_no_store_says_what_is(url: str) -> None:
    with pytest.raises(ConfigError, match=r"SQLite takes|sqlite:///sessions\.db") as error:
        sql_store(url)
    assert "pw" not in str(error.value)


def test_durability_is_one_of_two() -> None:
    with pytest.raises(ConfigError, match="process or power"):
        sql_store("sqlite:///x.db", durability="forever")  # type: ignore[arg-type]


def test_postgres_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"store in PostgreSQL .* 'toolrun\[postgres\]'"):
        sql_store("postgresql://host/db")


def test_naming_a_store_imports_no_database() -> None:
    program = (
        "import sys, toolrun\n"
        "from toolrun import Session\n"
        "from toolrun.store.opening import sql_store\n"
        "sql_store('sqlite:///x.db')\n"
        "print([name for name in ('sqlalchemy', 'alembic', 'psycopg') if name in sys.modules])\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout == "[]\n"
