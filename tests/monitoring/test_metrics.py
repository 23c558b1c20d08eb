"""Metrics of real imports: read by promtool, pushed to a real Pushgateway, scraped by a real Prometheus."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ccusage_import.monitoring.metrics import METRICS, PREFIX, WATCH_METRICS
from tests.conftest import Program, Result
from tests.project.test_readme import docs, table_after
from tests.support.claude_dir import ClaudeDir, days_ago
from tests.support.dashboards import dashboard, metric_panels
from tests.support.exhaustive import some_of
from tests.support.gateway.running import Gateway
from tests.support.prometheus_programs import (
    ALERTS,
    REPOSITORY,
    ask,
    fetch,
    missing_programs,
    promtool,
    running_prometheus,
    running_pushgateway,
    until,
)

pytestmark = [
    pytest.mark.usefixtures("engine_stays", "own_warehouse"),
    pytest.mark.skipif(
        bool(missing_programs()), reason="needs prometheus and prometheus-pushgateway, which .ci/run installs"
    ),
]
PROMETHEUS = {"type": "prometheus", "uid": "ccusage-prometheus"}
REPORTS = ("daily", "monthly", "session", "blocks", "projects")
PROJECT = "-home-ana-shop"
# bcrypt of "s3cret/:@ü" at the lowest cost.
BASIC_AUTH = 'basic_auth_users:\n  ana: "$2b$04$abcdefghijklmnopqrstuuWYYvhk1cwA/7AvqPBwT4L98yVH2dwB2"\n'


def values_in(text: str) -> dict[str, float]:
    """Return each value of this program by its name without the prefix, and its labels as they stand there."""
    return {name: float(value) for name, value in re.findall(r"^ccusage_import_(.*) (\S+)$", text, re.MULTILINE)}


class Textfile:
    """Imports into a textfile, as node_exporter would find it."""

    def __init__(self, program: Program, file: Path) -> None:
        self.program = program
        self.file = file

    def __call__(self, *arguments: str | Path, **environ: str) -> Result:
        settings = {"CCUSAGE_IMPORT_METRICS_FILE": str(self.file), "MACHINE_NAME": "laptop", **environ}
        return self.program("import", "--timezone", "UTC", *arguments, **settings)

    def values(self) -> dict[str, float]:
        """Return the values in the file, in which promtool finds no fault."""
        text = self.file.read_text()
        assert promtool("check", "metrics", text=text) == (0, "")
        return values_in(text)


@pytest.fixture
def textfile(program: Program, tmp_path: Path) -> Textfile:
    (tmp_path / "textfiles").mkdir()
    return Textfile(program, tmp_path / "textfiles" / "ccusage.prom")


def test_the_textfile_tells_of_an_import(textfile: Textfile, corpus: Callable[[str], Path]) -> None:
    done = textfile("--claude-dir", corpus("september"))

    assert (done.exit_code, done.stderr) == (0, "")
    values = textfile.values()
    machine = 'machine="laptop"'
    assert values[f"last_run_success{{{machine}}}"] == 1
    assert values[f"last_run_exit_code{{{machine}}}"] == 0
    assert values[f"stale_after_seconds{{{machine}}}"] == 93600
    assert values[f"held_records{{{machine}}}"] == 0
    assert values[f'cost_dollars{{agent="claude",{machine}}}'] == 2.81842335
    assert {name: value for name, value in values.items() if name.startswith("tokens")} == {
        f'tokens{{agent="claude",class="input",{machine}}}': 1240,
        f'tokens{{agent="claude",class="output",{machine}}}': 56535,
        f'tokens{{agent="claude",class="cache_creation",{machine}}}': 198421,
        f'tokens{{agent="claude",class="cache_read",{machine}}}': 4075332,
    }
    records = [value for name, value in values.items() if name.startswith("report_records")]
    assert (len(records), sum(records)) == (35, 12)
    for report, new in zip(REPORTS, (2, 1, 5, 2, 2), strict=True):
        assert values[f'report_records{{{machine},report="{report}",verdict="new"}}'] == new
        assert values[f'report_failures{{{machine},reason="",report="{report}"}}'] == 0
        assert 0 < values[f'report_duration_seconds{{{machine},report="{report}"}}'] < 60
    assert values[f'facts{{kind="messages",{machine}}}'] == 199
    assert values[f"transcript_bytes{{{machine}}}"] == 168_425
    assert values[f"transcript_unread_bytes{{{machine}}}"] == 0
    for phase in ("fetch", "validate", "open", "reconcile", "load"):
        assert 0 <= values[f'phase_duration_seconds{{{machine},phase="{phase}"}}'] < 60
    assert values[f'info{{ccusage_version="20.0.24",{machine},runner="PATH",version="0.1.0"}}'] == 1
    assert 0.05 < values[f"run_duration_seconds{{{machine}}}"] < 60
    assert 50e6 < values[f"peak_memory_bytes{{{machine}}}"] < 2e9
    ended, modified = values[f"last_run_timestamp_seconds{{{machine}}}"], textfile.file.stat().st_mtime
    assert modified - 60 < ended <= modified
    assert modified - 60 < values[f"last_success_timestamp_seconds{{{machine}}}"] <= modified


@pytest.mark.exhaustive
def test_the_peak_of_a_run_is_not_that_of_the_program_that_started_it(
    textfile: Textfile, corpus: Callable[[str], Path]
) -> None:
    large = b"x" * 1_500_000_000  # resident in this process, which starts the import
    textfile("--claude-dir", corpus("september"))

    assert len(large) > textfile.values()['peak_memory_bytes{machine="laptop"}']


@pytest.mark.exhaustive
def test_a_failed_import_keeps_the_last_success(textfile: Textfile, corpus: Callable[[str], Path]) -> None:
    claude_dir = corpus("september")
    textfile("--claude-dir", claude_dir)
    before = textfile.values()

    done = textfile("--claude-dir", claude_dir, "--ccusage", "/nonexistent/ccusage")

    assert done.exit_code == 3
    values = textfile.values()
    last_success, last_run = (f'last_{name}_timestamp_seconds{{machine="laptop"}}' for name in ("success", "run"))
    assert values[last_success] == before[last_success]
    assert values[last_run] > before[last_run]
    assert values['last_run_success{machine="laptop"}'] == 0
    assert values['last_run_exit_code{machine="laptop"}'] == 3
    assert values['cost_dollars{agent="claude",machine="laptop"}'] == 2.81842335
    assert not [name for name in values if name.startswith(("report_", "phase_", "info"))]


def test_without_the_warehouse_only_the_run_is_known(textfile: Textfile, corpus: Callable[[str], Path]) -> None:
    done = textfile("--claude-dir", corpus("september"), "--warehouse", "clickhouse://127.0.0.1:9/usage")

    assert done.exit_code == 4
    assert {name.partition("{")[0] for name in textfile.values()} == {
        "last_run_timestamp_seconds", "last_run_success", "last_run_exit_code", "stale_after_seconds",
        "run_duration_seconds", "peak_memory_bytes",
    }  # fmt: skip


def test_the_warehouse_remembers_the_last_success_where_the_state_is_lost(
    textfile: Textfile, corpus: Callable[[str], Path]
) -> None:
    claude_dir = corpus("september")
    textfile("--claude-dir", claude_dir)
    before = textfile.values()['last_success_timestamp_seconds{machine="laptop"}']
    (textfile.program.home / ".local/state/ccusage-import/announced.json").unlink()

    textfile("--claude-dir", claude_dir, "--ccusage", "/nonexistent/ccusage")

    # The load ended a moment before the run that the lost file told of.
    assert before - 60 < textfile.values()['last_success_timestamp_seconds{machine="laptop"}'] <= before


@pytest.mark.exhaustive
def test_a_report_that_fails_is_named_with_the_reason(
    textfile: Textfile, corpus: Callable[[str], Path], ccusage20: Path, tmp_path: Path
) -> None:
    script = tmp_path / "ccusage"
    script.write_text(f'#!/bin/sh\nfor argument; do test "$argument" = blocks && exit 7; done\nexec {ccusage20} "$@"\n')
    script.chmod(0o755)

    done = textfile("--claude-dir", corpus("september"), "--ccusage", script)

    assert done.exit_code == 5
    values = textfile.values()
    assert {name: value for name, value in values.items() if name.startswith("report_failures") and value} == {
        'report_failures{machine="laptop",reason="A report ended with a non-zero exit code for a reason of its own",'
        'report="blocks"}': 1
    }
    assert values['last_run_exit_code{machine="laptop"}'] == 5
    assert values['report_records{machine="laptop",report="daily",verdict="new"}'] == 2
    assert not [name for name in values if name.startswith("report_records") and "blocks" in name]
    assert 'last_success_timestamp_seconds{machine="laptop"}' not in values


@pytest.mark.exhaustive
def test_held_records_are_counted(textfile: Textfile, tmp_path: Path) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("a", days_ago(40), 70_000)
    claude.say("b", days_ago(40), 30_000)
    textfile("--claude-dir", claude.root)
    claude.delete("a")

    textfile("--claude-dir", claude.root)

    # The day, its month, the five hours and the project's day; the other session is simply gone.
    values = textfile.values()
    assert values['held_records{machine="laptop"}'] == 4
    assert values['report_records{machine="laptop",report="daily",verdict="held"}'] == 1
    assert values['cost_dollars{agent="claude",machine="laptop"}'] == 1.5


@pytest.mark.parametrize("is_hashed", some_of([True, False], 0))
@pytest.mark.exhaustive
def test_budgets_are_compared_with_what_was_spent(textfile: Textfile, tmp_path: Path, *, is_hashed: bool) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("a", days_ago(0, hour=0), 100_000, project=PROJECT)
    budget = {"monthly": 1, "projects": {PROJECT: {"daily": 3}}, "models": {"claude-sonnet-4-20250514": {"daily": 2}}}

    textfile("--claude-dir", claude.root, *([] if is_hashed else ["--no-hash-projects"]), CCUSAGE_IMPORT_SALT="salt",
             CCUSAGE_IMPORT_BUDGET=json.dumps(budget))  # fmt: skip

    # HMAC-SHA-256 of the name under "salt", its first 128 bits: openssl dgst -sha256 -hmac salt
    name = "b95f4b67ebeac686be3c41593e39ac2a" if is_hashed else PROJECT
    limits = {name: value for name, value in textfile.values().items() if name.startswith("budget_")}
    assert limits == {
        'budget_limit_dollars{machine="laptop",name="",period="monthly",scope="all"}': 1,
        'budget_spent_dollars{machine="laptop",name="",period="monthly",scope="all"}': 1.5,
        f'budget_limit_dollars{{machine="laptop",name="{name}",period="daily",scope="project"}}': 3,
        f'budget_spent_dollars{{machine="laptop",name="{name}",period="daily",scope="project"}}': 1.5,
        'budget_limit_dollars{machine="laptop",name="claude-sonnet-4-20250514",period="daily",scope="model"}': 2,
        'budget_spent_dollars{machine="laptop",name="claude-sonnet-4-20250514",period="daily",scope="model"}': 1.5,
    }
    assert is_hashed != (PROJECT in textfile.file.read_text())


@pytest.mark.exhaustive
def test_a_quota_has_the_share_that_is_used(textfile: Textfile, tmp_path: Path) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("a", days_ago(0, hour=0), 100_000)
    textfile("--claude-dir", claude.root, CCUSAGE_IMPORT_QUOTA='{"week_usd": 2, "block_tokens": "max"}')

    shares = {name: value for name, value in textfile.values().items() if name.startswith("quota_")}
    assert shares['quota_used_ratio{machine="laptop",name="week_usd"}'] == 0.75


@pytest.mark.exhaustive
def test_a_reader_sees_a_whole_textfile_that_others_may_read(textfile: Textfile, corpus: Callable[[str], Path]) -> None:
    claude_dir = corpus("september")
    umask = f"umask 077; exec {sys.executable} -m ccusage_import import -q --claude-dir {claude_dir}"
    environ = {**textfile.program.environ, "CCUSAGE_IMPORT_METRICS_FILE": str(textfile.file)}
    seen: set[int] = set()
    is_over = threading.Event()

    def read() -> None:
        while not is_over.is_set():
            if textfile.file.exists():
                text = textfile.file.read_text()
                seen.add(textfile.file.stat().st_ino)
                assert text.startswith("# HELP ccusage_import_")
                assert re.search(r"\nccusage_import_tokens.*cache_read.* 4.075332e\+06\n\Z", text)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(2):
            subprocess.run(["sh", "-c", umask], env=environ, cwd=textfile.program.home, check=True, timeout=60)
    finally:
        is_over.set()
        reader.join()

    assert len(seen) >= 2
    assert textfile.file.stat().st_mode & 0o777 == 0o644
    assert list(textfile.file.parent.iterdir()) == [textfile.file]


@pytest.mark.parametrize(
    ("file", "reason"),
    some_of(
        [
            ("missing/x.prom", "No such file or directory"),
            ("home/x.prom/", "Is a directory"),
            ("a-file/x.prom", "Not a directory"),
        ],
        0,
    ),
)
def test_a_textfile_that_cannot_be_written_is_a_warning(
    textfile: Textfile, corpus: Callable[[str], Path], tmp_path: Path, file: str, reason: str
) -> None:
    (tmp_path / "a-file").write_text("")
    (tmp_path / "home" / "x.prom").mkdir()
    target = tmp_path / file

    done = textfile("--claude-dir", corpus("september"), CCUSAGE_IMPORT_METRICS_FILE=str(target))

    assert done.exit_code == 0
    assert done.stderr == f"ccusage-import: warning: metrics_file {target}: {reason}\n"
    assert list(tmp_path.rglob(".x.prom*")) == []


@pytest.mark.parametrize("setting", some_of(["", "metrics_file", "pushgateway"], 0))
def test_the_client_library_is_imported_only_where_it_is_used(
    textfile: Textfile, corpus: Callable[[str], Path], setting: str
) -> None:
    target = {"": "", "metrics_file": str(textfile.file), "pushgateway": "http://127.0.0.1:9"}[setting]
    environ = {f"CCUSAGE_IMPORT_{setting.upper()}": target} if setting else {}

    done = textfile.program("import", "--claude-dir", corpus("september"), PYTHONPROFILEIMPORTTIME="1", **environ)

    assert done.exit_code == 0
    assert ("prometheus_client" in done.stderr) == bool(setting)


# --- the Pushgateway ---------------------------------------------------------------------------


def pushed(pushgateway: str) -> dict[str, float]:
    """Return what a Pushgateway holds of the laptop, without the labels of the group."""
    text = fetch(f"http://{pushgateway}/metrics").decode()
    return values_in(re.sub(r',?instance="",job="ccusage_import",machine="laptop",?', "", text))


def test_pushed_scraped_and_told_by_the_alerts(program: Program, corpus: Callable[[str], Path], tmp_path: Path) -> None:
    claude_dir = corpus("september")
    with running_pushgateway(tmp_path) as pushgateway, running_prometheus(tmp_path, pushgateway) as prometheus:
        settings = {"CCUSAGE_IMPORT_PUSHGATEWAY": f"http://{pushgateway}/", "MACHINE_NAME": "laptop"}
        first = program("import", "--claude-dir", claude_dir, **settings)
        assert (first.exit_code, first.stderr) == (0, "")

        found = until(lambda: ask(prometheus, "ccusage_import_cost_dollars"), "the cost is scraped")
        assert [series["metric"] for series in found] == [
            {"__name__": "ccusage_import_cost_dollars", "agent": "claude", "job": "ccusage_import", "machine": "laptop"}
        ]
        assert found[0]["value"][1] == "2.81842335"

        program("import", "--claude-dir", claude_dir, "--ccusage", "/nonexistent/ccusage", **settings)
        alert = until(lambda: ask(prometheus, 'ALERTS{alertname="CcusageImportFailed"}'), "the alert is pending")
        assert alert[0]["metric"] | {"__name__": ""} == {
            "__name__": "", "alertname": "CcusageImportFailed", "alertstate": "pending", "machine": "laptop",
            "severity": "warning",
        }  # fmt: skip
        for panel in metric_panels(dashboard("import-health")):
            assert panel["datasource"] == panel["targets"][0]["datasource"] == PROMETHEUS
            expr = panel["targets"][0]["expr"].replace("${machine:regex}", "laptop")
            assert [series["metric"]["machine"] for series in ask(prometheus, expr)] == ["laptop"], panel["title"]
            assert ask(prometheus, expr.replace("laptop", "desk")) == [], panel["title"]
        groups = json.loads(fetch(f"http://{prometheus}/api/v1/rules"))["data"]["groups"]
        assert [(rule["name"], rule["health"]) for group in groups for rule in group["rules"]] == [
            ("CcusageImportFailed", "ok"), ("CcusageImportStale", "ok"), ("CcusageImportHeldRecords", "ok"),
            ("CcusageImportOverBudget", "ok"), ("CcusageWatchSilent", "ok"), ("CcusageImportSlow", "ok"),
        ]  # fmt: skip


@pytest.mark.exhaustive
def test_a_failed_push_replaces_only_what_it_knows(
    program: Program, gateway: Gateway, corpus: Callable[[str], Path], tmp_path: Path
) -> None:
    claude_dir = corpus("september")
    url = gateway.url(database="pushed")
    program("migrate", "--create-database", "--warehouse", url)
    with running_pushgateway(tmp_path) as pushgateway:

        def run(warehouse: str, **environ: str) -> Result:
            settings = {"CCUSAGE_IMPORT_PUSHGATEWAY": f"http://{pushgateway}", "MACHINE_NAME": "laptop"}
            return program("import", "--claude-dir", claude_dir, "--warehouse", warehouse, **settings, **environ)

        assert run(url, CCUSAGE_IMPORT_BUDGET='{"daily": 5}').exit_code == 0
        before = pushed(pushgateway)

        assert run("clickhouse://127.0.0.1:9/usage").exit_code == 4
        failed = pushed(pushgateway)
        assert run(url).exit_code == 0
        after = pushed(pushgateway)

    assert (before["last_run_exit_code{}"], failed["last_run_exit_code{}"], after["last_run_exit_code{}"]) == (0, 4, 0)
    for kept in ("last_success_timestamp_seconds{}", 'cost_dollars{agent="claude"}', "held_records{}"):
        assert failed[kept] == before[kept]
    assert failed['budget_limit_dollars{name="",period="daily",scope="all"}'] == 5
    assert after['cost_dollars{agent="claude"}'] == 2.81842335
    # A run that knows everything also takes back what is no more.
    assert not [name for name in after if name.startswith("budget_")]


@pytest.mark.parametrize("machine", some_of(['ana\'s/"big" machine 100 %', "größe.example+1"], 0))
@pytest.mark.exhaustive
def test_any_name_of_a_machine_is_a_group_of_its_own(
    program: Program, corpus: Callable[[str], Path], tmp_path: Path, machine: str
) -> None:
    claude_dir = corpus("september")
    with running_pushgateway(tmp_path) as pushgateway:
        environ = {"CCUSAGE_IMPORT_PUSHGATEWAY": f"http://{pushgateway}"}
        for home, name in (("one", machine), ("two", "other")):
            (tmp_path / home).mkdir()
            environ["HOME"] = str(tmp_path / home)
            done = program("import", "--claude-dir", claude_dir, "--machine", name, **environ)
            assert (done.exit_code, done.stderr) == (0, "")
        groups = json.loads(fetch(f"http://{pushgateway}/api/v1/metrics"))["data"]

    assert sorted(group["labels"]["machine"] for group in groups) == sorted([machine, "other"])
    assert [set(group["labels"]) for group in groups] == [{"job", "machine"}] * 2


@pytest.mark.exhaustive
def test_user_and_password_of_the_address_are_sent_and_never_shown(
    program: Program, corpus: Callable[[str], Path], tmp_path: Path
) -> None:
    claude_dir = corpus("september")
    with running_pushgateway(tmp_path, BASIC_AUTH) as pushgateway:
        good = program("import", "-vv", "--claude-dir", claude_dir,
                       CCUSAGE_IMPORT_PUSHGATEWAY=f"http://ana:s3cret%2F%3A%40%C3%BC@{pushgateway}")  # fmt: skip
        wrong = program("import", "--claude-dir", claude_dir,
                        CCUSAGE_IMPORT_PUSHGATEWAY=f"http://ana:s3cret@{pushgateway}")  # fmt: skip

    assert good.exit_code == 0
    assert "warning" not in good.stderr
    assert "s3cret" not in good.stdout + good.stderr
    assert wrong.exit_code == 0
    assert wrong.stderr == "ccusage-import: warning: Pushgateway: answered 401\n"


@pytest.mark.exhaustive
def test_a_pushgateway_that_is_down_is_a_warning_without_the_address(
    program: Program, corpus: Callable[[str], Path]
) -> None:
    done = program("import", "--claude-dir", corpus("september"), CCUSAGE_IMPORT_PUSHGATEWAY="http://127.0.0.1:9")

    assert done.exit_code == 0
    assert done.stderr == "ccusage-import: warning: Pushgateway: no answer: connection refused\n"


@pytest.mark.parametrize("url", ["127.0.0.1:9091", "http://", "http://[", "http://ana:ge/heim@host", "ftp://host"])
def test_an_address_that_cannot_be_used_is_refused_without_being_shown(program: Program, url: str) -> None:
    done = program("import", CCUSAGE_IMPORT_PUSHGATEWAY=url)

    assert done.exit_code == 2
    assert done.stderr.splitlines()[1] == "  pushgateway (environment): is not an http:// or https:// address"


# --- rules and documents -----------------------------------------------------------------------


@pytest.mark.exhaustive
def test_the_alert_rules_are_valid_and_fire_when_they_should() -> None:
    assert promtool("check", "rules", ALERTS)[0] == 0
    code, printed = promtool("test", "rules", *sorted((REPOSITORY / "tests" / "prometheus").glob("*_test.yml")))
    assert code == 0, printed
    assert printed.count("SUCCESS") == 2


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    cases = "".join(file.read_text() for file in (REPOSITORY / "tests" / "prometheus").glob("*_test.yml"))
    expected = re.findall(r"alertname: (\w+)\n +eval_time: \w+\n +exp_alerts:(.*)", cases)

    for alert in re.findall(r"- alert: (\w+)", ALERTS.read_text()):
        assert len({expectation.strip() == "[]" for name, expectation in expected if name == alert}) == 2, alert


def test_the_rules_ask_for_metrics_that_there_are() -> None:
    asked = set(re.findall(r"ccusage_import_\w+", ALERTS.read_text()))

    assert asked <= {PREFIX + name for name in METRICS | WATCH_METRICS}


@pytest.mark.exhaustive
def test_every_metric_is_explained_with_its_labels(textfile: Textfile, tmp_path: Path) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("a", days_ago(0), 10)
    textfile("--claude-dir", claude.root, CCUSAGE_IMPORT_BUDGET='{"daily": 5}', CCUSAGE_IMPORT_QUOTA='{"week_usd": 5}')
    written = {}
    for sample in textfile.values():
        name, _, labels = sample.partition("{")
        written[PREFIX + name] = set(re.findall(r'(\w+)="', labels)) - {"machine"}

    documented = table_after("## Metrics of an import", "metrics.md")
    assert list(documented) == [PREFIX + name for name in METRICS]
    assert {name: set(re.findall(r"`(\w+)`", row.split(" | ")[0])) for name, row in documented.items()} == written


def test_every_metric_of_watch_is_explained() -> None:
    documented = table_after("## Metrics of watch", "metrics.md")
    assert list(documented) == [PREFIX + name for name in WATCH_METRICS]


def test_every_alert_is_explained() -> None:
    assert set(table_after("## Alerts", "metrics.md")) == set(re.findall(r"- alert: (\w+)", ALERTS.read_text()))
    assert "monitoring/prometheus/alerts.yml" in docs("metrics.md")
