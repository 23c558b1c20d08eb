"""What the first run chooses and keeps."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from ccusage_import.config.kept.identity import choose_identity, complete_identity, keep_identity, read_identity
from ccusage_import.exceptions import ConfigurationError
from tests.config.test_config import DEEP, IDENTITY


def test_the_first_run_chooses_and_every_later_one_keeps(tmp_path: Path) -> None:
    file = tmp_path / "config" / "identity.toml"
    assert read_identity(file) == {}
    chosen = complete_identity(file)
    assert sorted(chosen) == ["installation", "machine", "salt", "timezone"]
    assert len(bytes.fromhex(chosen["salt"])) == 32
    written = file.read_bytes()
    assert complete_identity(file) == read_identity(file) == chosen
    assert file.read_bytes() == written


def test_first_runs_at_the_same_moment_keep_one_identity(tmp_path: Path) -> None:
    file, all_begin = tmp_path / "config" / "identity.toml", Barrier(4)

    def first_run(_: int) -> str:
        all_begin.wait(timeout=30)
        return complete_identity(file)["salt"]

    with ThreadPoolExecutor(4) as runs:
        assert set(runs.map(first_run, range(4))) == {read_identity(file)["salt"]}


def test_only_its_owner_can_read_the_identity(tmp_path: Path) -> None:
    file = tmp_path / "identity.toml"
    complete_identity(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o644)
    keep_identity(file, IDENTITY)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["identity.toml"]


def test_two_machines_choose_different_salts() -> None:
    one, other = choose_identity(), choose_identity()
    assert one["salt"] != other["salt"]
    assert one["installation"] != other["installation"]


def test_what_is_missing_is_added_and_the_rest_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "identity.toml"
    file.write_text('salt = "kept"\nother = 1\n', "utf-8")
    completed = complete_identity(file)
    assert completed["salt"] == "kept"
    assert completed["machine"]
    assert read_identity(file) == completed


@pytest.mark.parametrize(
    "machine", ["studio", 'quo"te', "back\\slash", "über-项目", "\N{PERSONAL COMPUTER}", "new\nline", "tab\t\x7f"]
)
def test_any_name_comes_back_as_it_was(tmp_path: Path, machine: str) -> None:
    file = tmp_path / "identity.toml"
    keep_identity(file, {**IDENTITY, "machine": machine})
    assert read_identity(file) == {**IDENTITY, "machine": machine}


@pytest.mark.parametrize("content", [b"salt = ", b"\xff\xfe", b"[", *DEEP])
def test_a_damaged_identity_is_an_error_and_stays(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "identity.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"identity\.toml: ") as caught:
        complete_identity(file)
    assert caught.value.hint == "restore the file; it holds the salt of the names"
    assert file.read_bytes() == content


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "config").touch()
    with pytest.raises(ConfigurationError, match=r"/config/identity\.toml: "):
        keep_identity(tmp_path / "config" / "identity.toml", IDENTITY)
