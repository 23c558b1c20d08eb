"""What stays of a demo, and what it offers."""

import shlex

from tests.conftest import Program

OFFERS = ("query", "chart", "report")


def offered(stdout: str) -> list[list[str]]:
    """Return the commands that ask the demo, without the program."""
    lines = [shlex.split(line) for line in stdout.replace("\\\n", "").splitlines() if "--config" in line]
    return [line[next(at for at, word in enumerate(line) if word in OFFERS) :] for line in lines]


def test_a_demo_can_be_asked_until_the_next(program: Program) -> None:
    for _ in range(2):
        demo = program("import", "--demo")
        assert (demo.exit_code, demo.stderr) == (0, "")
        commands = offered(demo.stdout)
        assert tuple(command[0] for command in commands) == OFFERS
        for command in commands:
            words = [word.replace("~", str(program.home), 1) if word.startswith("~") else word for word in command]
            assert program(*words).exit_code == 0, words

    folder = program.home / ".local/share/ccusage-import/demo"
    loads = program("query", "SELECT uniqExact(load_id) AS n FROM loads", "--config", folder / "config.toml")
    assert loads.stdout.splitlines()[1].strip("│ ") == "1"


def test_a_dry_demo_leaves_nothing(program: Program) -> None:
    assert "--config" not in program("import", "--demo", "--dry-run").stdout
    assert not (program.home / ".local/share/ccusage-import/demo").exists()
