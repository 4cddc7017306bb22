"""The schema: from blank, twice, from two processes at once, and equal to what the code believes."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from run_samples import make_cases, make_spec

from medeval.errors import StoreError
from medeval.store import Store
from medeval.store.database import HEAD, MIGRATIONS
from medeval.store.tables import metadata

ROOT = Path(__file__).resolve().parents[2]


def scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return ScriptDirectory.from_config(config)


def test_head_in_code_is_the_newest_migration() -> None:
    assert scripts().get_heads() == [HEAD]


def test_migrations_lead_to_the_tables_of_the_code(home: Path) -> None:
    store = Store(home)
    with store._database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_opening_again_changes_nothing(home: Path) -> None:
    run_id = Store(home).create_run(make_spec(make_cases(1)))
    assert Store(home).run(run_id).id == run_id


def test_opening_an_up_to_date_file_does_not_import_alembic(home: Path) -> None:
    Store(home)
    code = (
        "import sys; from pathlib import Path; from medeval.store import Store\n"
        "Store(Path(sys.argv[1])); print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, home], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "False", done.stderr


def test_two_processes_open_a_blank_file_at_once(home: Path) -> None:
    code = "import sys; from pathlib import Path; from medeval.store import Store; Store(Path(sys.argv[1])).list_runs()"
    both = [
        subprocess.Popen([sys.executable, "-c", code, home], stderr=subprocess.PIPE, text=True, cwd=ROOT)
        for _ in range(3)
    ]
    assert [(p.communicate()[1], p.returncode) for p in both] == [("", 0)] * 3


def test_a_file_of_a_newer_medeval_is_left_alone(home: Path) -> None:
    Store(home).close()
    with sqlite3.connect(home / "medeval.sqlite") as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.close()
    with pytest.raises(StoreError, match="newer medeval"):
        Store(home)


def test_a_failed_migration_leaves_the_old_schema(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic import op

    def broken(*arguments: object, **options: object) -> None:
        raise RuntimeError("killed half-way")

    with monkeypatch.context() as patch:
        patch.setattr(op, "create_index", broken)
        with pytest.raises(RuntimeError):
            Store(home)
    with sqlite3.connect(home / "medeval.sqlite") as raw:
        assert raw.execute("SELECT name FROM sqlite_master").fetchall() == []
    raw.close()
    assert Store(home).list_runs() == []
