"""How a command that runs for long ends: at the next good moment, and soon in any case."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# What is begun has so long to come to its end; then it is interrupted, as an import may be at any moment.
GRACE_SECONDS = 0.7


class Ending:
    """Whether the end was asked for. A plain attribute: a signal handler must not wait for a lock."""

    def __init__(self) -> None:
        self.is_wanted = False

    def is_set(self) -> bool:
        """Return whether it is time to end, as what waits for changes asks it."""
        return self.is_wanted


def keep_signals() -> None:
    """Let signals wait for the program that takes the place of this one: its `ends_on_signals` hears them."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


@contextmanager
def ends_on_signals() -> Iterator[Ending]:
    """Let signals ask for the end inside a `with` block; what does not end by itself gets a KeyboardInterrupt.

    The block ends well in both cases.
    """
    ending = Ending()

    def ask(_number: int, _frame: FrameType | None) -> None:
        if not ending.is_wanted:
            ending.is_wanted = True
            signal.setitimer(signal.ITIMER_REAL, GRACE_SECONDS)

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in (*SIGNALS, signal.SIGALRM)}
    for number in SIGNALS:
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, ask)
    signal.signal(signal.SIGALRM, interrupt)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    try:
        yield ending
    except KeyboardInterrupt:
        if not ending.is_wanted:
            raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
