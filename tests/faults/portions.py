"""Faults in portions, a process for each: it opens the engine often, which leaves threads and open files behind."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from loguru import logger

from tests.faults.facts import embedded_facts_lab
from tests.faults.harness import embedded_lab
from tests.faults.kills import Tally, interrupt_imports, kill_imports
from tests.support.open_files import allow_open_files

# So many faults befall a process.
PORTION = 60


def kill_some(root: Path, kills: int, seed: int) -> list[Tally]:
    """Kill imports."""
    return kill_imports(embedded_lab(root), kills, seed)


def kill_first_ones(root: Path, kills: int, seed: int) -> list[Tally]:
    """Kill imports into nothing."""
    return kill_imports(embedded_lab(root, is_first=True), kills, seed, "first import: SIGKILL")


def kill_first_ones_of_many(root: Path, kills: int, seed: int) -> list[Tally]:
    """Kill imports into nothing, in which verdicts are logged piece by piece."""
    lab = embedded_lab(root, is_first=True, logged_at_once=60)
    return kill_imports(lab, kills, seed, "many records: SIGKILL")


def interrupt_some(root: Path, times: int, seed: int) -> list[Tally]:
    """End imports by signals."""
    return interrupt_imports(embedded_lab(root), times, seed)


def kill_readings(root: Path, kills: int, seed: int) -> list[Tally]:
    """Kill imports that read transcripts."""
    return kill_imports(embedded_facts_lab(root), kills, seed, "facts: SIGKILL")


def in_portions(break_some: Callable[[Path, int, int], list[Tally]], root: Path, times: int, seed: int) -> list[Tally]:
    """Break as often as asked, in one process after another."""
    whole = dict[str, Tally]()
    for number, begin in enumerate(range(0, times, PORTION)):
        portion_times = min(PORTION, times - begin)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=be_silent) as process:
            portion = process.submit(break_some, root / str(number), portion_times, seed + number)
            for tally in portion.result():
                whole.setdefault(tally.fault, Tally(tally.fault)).add_all(tally)
        lost = sum(tally.attempted - tally.survived for tally in whole.values())
        told = f"{', '.join(whole)}: {begin + portion_times} of {times}, {lost} not survived"
        # It is long work, and the table comes at its end.
        print(told, file=sys.stderr, flush=True)
    return list(whole.values())


def be_silent() -> None:
    """Let nobody log, and allow open files."""
    logger.remove()
    logging.disable()
    allow_open_files()
