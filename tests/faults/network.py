"""Faults between an import and its server: at every request, of every kind, once or for good."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ccusage_import.exceptions import ExitCode, FixableError
from tests.faults.harness import FaultyLab
from tests.faults.kills import Tally
from tests.support.gateway.running import Gateway

DELAY_SECONDS = 0.05
# The driver sends a statement again after a lost answer; a fault that meets the replay as well is one for good.
FOR_GOOD = 9
FAULTS: tuple[tuple[str, int], ...] = (
    ("drop_before", 1), ("drop_before", FOR_GOOD), ("drop_after", 1), ("drop_after", FOR_GOOD),
    ("truncate", 1), ("truncate", FOR_GOOD), ("status_503", 1), ("status_503", FOR_GOOD), ("delay", 1),
)  # fmt: skip


def statements_of(lab: FaultyLab, gateway: Gateway) -> list[str]:
    """List the statements of an undisturbed import."""
    lab.restore()
    already = len(gateway.statements())
    lab.load()
    return gateway.statements()[already:]


def break_requests(
    lab: FaultyLab, gateway: Gateway, faults: Sequence[tuple[str, int]] = FAULTS, each: int = 1, name: str = ""
) -> list[Tally]:
    """Let every request of an import, or each n-th, run into each fault."""
    requests, tallies = len(statements_of(lab, gateway)), []
    for index, (kind, times) in enumerate(faults):
        tally = Tally(f"{name}{kind}, {'once' if times == 1 else 'for good'}")
        for skip in range(index % each, requests, each):
            _break_request(lab, gateway, tally, kind, skip, times)
        tallies.append(tally)
    return tallies


def _break_request(lab: FaultyLab, gateway: Gateway, tally: Tally, kind: str, skip: int, times: int) -> None:
    lab.restore()
    already = len(gateway.statements())
    gateway.fail(kind, skip=skip, times=times, seconds=DELAY_SECONDS)
    try:
        lab.load()
        failure = None
    except Exception as error:  # noqa: BLE001 - anything but the one expected kind is a finding
        failure = error
    gateway.clear_faults()
    statement = " ".join(gateway.statements()[already + skip].split())[:70]
    published, complaints = lab.examined()
    wrong = list(_wrong_outcome(failure, published=published, must_succeed=kind == "delay"))
    tally.add(f"request {skip}, {statement}", [*wrong, *complaints], in_time=True, published=published)


def _wrong_outcome(failure: Exception | None, *, published: bool, must_succeed: bool) -> Iterator[str]:
    """A success shows everything; a failure is one line that a person can act on."""
    if failure is None:
        if not published:
            yield "success, but nothing is published"
        return
    if must_succeed:
        yield f"failed: {failure}"
    if not isinstance(failure, FixableError):
        yield f"{type(failure).__name__}: {failure}"
    elif failure.exit_code is not ExitCode.WAREHOUSE or "\n" in str(failure):
        yield f"exit code {int(failure.exit_code)}: {failure}"
