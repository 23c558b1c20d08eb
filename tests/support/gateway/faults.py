"""The statements received, and what befalls some of them on the way."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass

from tests.support.gateway.answers import Answer
from tests.support.gateway.requests import Request
from tests.support.gateway.statements import READS

FAULT_KINDS = (
    "drop_before",
    "drop_after",
    "truncate",
    "cut_off",
    "emptied",
    "fails_late",
    "delay",
    "status_200",
    "status_404",
    "status_407",
    "status_502",
    "status_503",
)


@dataclass
class Fault:
    """Befalls the next `times` statements that contain `match`, after letting `skip` of them pass."""

    kind: str
    match: str = ""
    skip: int = 0
    times: int = 1
    seconds: float = 0.0


class Journal:
    """The statements received, and the faults waiting for one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._statements: list[str] = []
        self._changes: dict[str, list[str]] = {}
        self._faults: list[Fault] = []

    def arm(self, body: bytes) -> Answer:
        wanted = json.loads(body)
        if wanted["kind"] not in (*FAULT_KINDS, "clear"):
            return Answer(400, f"unknown fault {wanted['kind']}, not one of {', '.join(FAULT_KINDS)}, clear\n".encode())
        with self._lock:
            self._faults = [] if wanted["kind"] == "clear" else [*self._faults, Fault(**wanted)]
            if self._faults:
                self._changes[""] = ["fault"]
        return Answer(200)

    def report(self) -> Answer:
        with self._lock:
            listed = {"count": len(self._statements), "statements": self._statements, "armed": len(self._faults)}
            return Answer(200, json.dumps(listed).encode(), {"Content-Type": "application/json"})

    def changes(self, database: bytes, *, others_run: bool) -> Answer:
        with self._lock:
            found = self._changes.pop(database.decode(), []) + self._changes.pop("", [])
            return Answer(200, json.dumps([*found, *["others run"] * others_run]).encode())

    def take(self, request: Request) -> Fault | None:
        """Note the request, and hand out the fault it runs into."""
        statement = request.text[:1000].decode(errors="replace")
        with self._lock:
            self._statements.append(statement)
            if not READS.match(statement):
                self._changes.setdefault(request.database, []).append(statement[:200])
            for fault in self._faults:
                if fault.match not in statement:
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                self._faults = [other for other in self._faults if other.times > 0]
                return fault
        return None
