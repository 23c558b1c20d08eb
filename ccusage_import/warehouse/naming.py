"""How projects and sessions of a machine are named in a warehouse: in clear, or by pseudonyms of one salt.

The same usage under two names would be counted twice, so an import whose naming is not that of the history is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ccusage_import.exceptions import OtherNamingError
from ccusage_import.names.pseudonyms import Pseudonyms, is_pseudonym
from ccusage_import.warehouse.clickhouse_client import ClickHouse, Question

IN_CLEAR = "in clear"


def read_naming(warehouse: ClickHouse, machine: str) -> str | None:
    """Return the naming of a machine's last load; None where only older releases loaded, which did not write it."""
    rows = warehouse.rows(*naming_question(machine))
    return str(rows[0][0]) if rows else None


def naming_question(machine: str) -> Question:
    """Return what `read_naming` asks."""
    return Question(
        "SELECT naming FROM loads FINAL WHERE machine = {machine:String} AND state IN ('committed', 'undone')"
        " AND naming IS NOT NULL ORDER BY load_id DESC LIMIT 1",
        {"machine": machine},
    )


def refuse_other_naming(
    warehouse: ClickHouse, machine: str, pseudonyms: Pseudonyms, known_names: Mapping[str, str]
) -> None:
    """Refuse names under which the usage of projects and sessions would be stored a second time.

    Where no load says how it named them, what is stored decides, as far as it shows.

    Raises:
        OtherNamingError: the history of this machine is named otherwise.
    """
    naming = read_naming(warehouse, machine)
    if naming is None:
        is_other = any(is_foreign(name, pseudonyms, known_names) for name in _stored_names(warehouse, machine))
        how = "by pseudonyms of another salt, or not all in one way" if pseudonyms.naming else "by pseudonyms"
    else:
        is_other, how = naming != pseudonyms.naming, described(naming)
    if is_other:
        wanted = described(pseudonyms.naming)
        raise OtherNamingError(
            f"projects and sessions of {machine!r} are stored {how} in {warehouse.warehouse}, and the configuration"
            f" asks for names {wanted}; both would count them twice",
            hint="keep hash_projects and salt as they were, or rename what is stored: ccusage-import rename projects"
            f" {'--hash-projects' if pseudonyms.naming else '--no-hash-projects'}",
        )


def is_foreign(name: str, pseudonyms: Pseudonyms, known_names: Mapping[str, str]) -> bool:
    """Whether a stored name is surely not one of this naming."""
    if not pseudonyms.naming:
        return is_pseudonym(name)
    return not is_pseudonym(name) or (name in known_names and pseudonyms.of(known_names[name]) != name)


def described(naming: str) -> str:
    """Return a naming in words."""
    return f"by pseudonyms (salt {naming})" if naming else IN_CLEAR


def _stored_names(warehouse: ClickHouse, machine: str) -> Iterable[str]:
    rows = warehouse.rows(
        "SELECT DISTINCT arrayJoin([project, session_id]) AS name FROM"
        " (SELECT project, session_id FROM records FINAL WHERE machine = {machine:String}) WHERE name != ''",
        {"machine": machine},
    )
    return (str(name) for (name,) in rows)
