"""What programs that are started get to see: their whole environment, as real ones write it down."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ccusage_import.config.environment import SECRET_VARIABLES
from ccusage_import.config.settings import Settings
from tests.conftest import Program

SECRET = "T0P-SECRET"


def test_no_child_gets_a_secret(program: Program, corpus: Callable[[str], Path], ccusage20: Path) -> None:
    seen = program.home / "seen"
    seen.mkdir()
    bin_dir = program.home / "bin"
    bin_dir.mkdir()
    note = f'#!/bin/sh\nenv > "{seen}/$(basename "$0")-$$"\n'
    programs = {
        "ccusage": f'exec "{ccusage20}" "$@"',
        "crontab": "exit 0",
        "systemctl": "exit 1",
        "browser": "",
        "tell": "",
    }
    for name, rest in programs.items():
        (bin_dir / name).write_text(f"{note}{rest}\n")
        (bin_dir / name).chmod(0o755)
    targets = [
        {"type": "command", "command": [str(bin_dir / "tell")]},
        {"type": "webhook", "url": f"http://127.0.0.1:9/{SECRET}"},
    ]
    secrets = {
        "CCUSAGE_IMPORT_WAREHOUSE": f"chdb://{program.home}/{SECRET}",
        "CCUSAGE_IMPORT_PASSWORD": SECRET,
        "CH_PASSWORD": SECRET,
        "CCUSAGE_IMPORT_SYNC": f"clickhouse://ana:{SECRET}@127.0.0.1:9/ccusage",
        "CCUSAGE_IMPORT_SYNC_PASSWORD": SECRET,
        "CCUSAGE_IMPORT_SALT": SECRET,
        "CCUSAGE_IMPORT_PUSHGATEWAY": f"http://ana:{SECRET}@127.0.0.1:9",
        "CCUSAGE_IMPORT_HEARTBEAT_URL": f"http://127.0.0.1:9/{SECRET}",
        "CCUSAGE_IMPORT_NOTIFY": json.dumps(targets),
    }
    assert secrets.keys() == SECRET_VARIABLES
    # A clone below the directory of temporary files would not be scheduled.
    temporary = program.home / "tmp"
    temporary.mkdir()
    changed = {
        "PATH": f"{bin_dir}:{program.environ['PATH']}", "BROWSER": f"{bin_dir}/browser %s", "TMPDIR": str(temporary),
    }  # fmt: skip
    at = replace(program, environ={**program.environ, **secrets, **changed})

    imported = at("import", "--claude-dir", corpus("september"), CCUSAGE_IMPORT_BUDGET='{"daily": 0.01}')
    at("import", CCUSAGE_IMPORT_CCUSAGE="/bin/false")
    at("schedule", "install")
    at("report", "--open", "--output", program.home / "page.html")

    assert imported.exit_code == 0
    texts = {file.name: file.read_text() for file in seen.iterdir()}
    assert {name.partition("-")[0] for name in texts} == programs.keys()
    assert [name for name, text in texts.items() if SECRET in text] == []
    [told] = [text for name, text in texts.items() if name.startswith("tell")]
    assert "CCUSAGE_IMPORT_EVENT=failed\n" in told
    assert "CCUSAGE_IMPORT_CCUSAGE=/bin/false\n" in told


def test_every_setting_that_holds_a_secret_is_known_as_one() -> None:
    secret = {name for name, field in Settings.model_fields.items() if "SecretStr" in repr(field.annotation)}

    assert {f"CCUSAGE_IMPORT_{name.upper()}" for name in secret} <= SECRET_VARIABLES
