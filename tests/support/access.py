"""What `sql/access` grants, as statements for a server and as the user of an embedded engine."""

from __future__ import annotations

import re
from pathlib import Path

ACCESS = Path(__file__).parent.parent.parent / "sql" / "access"
USERS_XML = """<clickhouse>
  <profiles><default>{settings}<constraints>{constraints}</constraints></default></profiles>
  <quotas><default/></quotas>
  <users><default>
    <password/><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>
    <grants>{grants}</grants>
  </default></users>
</clickhouse>
"""


def access_statements(file: str) -> list[str]:
    """Return the statements of a file in `sql/access`, without comments."""
    sql = re.sub(r"^--.*\n", "", (ACCESS / file).read_text("utf-8"), flags=re.MULTILINE)
    return [statement.strip() for statement in sql.split(";") if statement.strip()]


def granted_rights(role: str) -> list[str]:
    """Return the rights of a role in the warehouse's database."""
    found = [re.fullmatch(rf"GRANT (.+) ON \* TO {role}", statement) for statement in access_statements("roles.sql")]
    return [right for grant in found if grant for right in grant[1].split(", ")]


def granted_on_tables(role: str) -> list[tuple[str, str]]:
    """Return the rights of a role on some of the tables only, each with the pattern of their names."""
    found = [re.fullmatch(rf"GRANT (.+) ON (\w+\*?) TO {role}", one) for one in access_statements("roles.sql")]
    return [(grant[1], grant[2]) for grant in found if grant]


def engine_config(directory: Path, role: str, rights: list[str], database: str, without: str = "") -> Path:
    """Write the configuration of an engine whose one user has these rights and the settings profile of a role.

    What the role may do with some of the tables it may too, but for those that `without` names.

    The embedded engine enforces rights but keeps no roles and knows one user: these come from its files.
    """
    profile = next((one for one in access_statements("roles.sql") if one.startswith("CREATE SETTINGS PROFILE")), "")
    settings = re.findall(r"(\w+) = (\d+)(?: MIN (\d+) MAX (\d+))?", profile) if profile.endswith(f"TO {role}") else []
    grants = [f"GRANT {', '.join(rights)} ON {database}.*"]
    grants += [
        f"GRANT {right} ON {database}.{tables}" for right, tables in granted_on_tables(role) if tables != without
    ]
    users = directory / "users.xml"
    users.write_text(
        USERS_XML.format(
            settings="".join(f"<{name}>{value}</{name}>" for name, value, *_ in settings),
            constraints="".join(
                f"<{name}><min>{least}</min><max>{most}</max></{name}>" for name, _, least, most in settings if most
            ),
            grants="".join(f"<query>{grant}</query>" for grant in grants),
        )
    )
    config = directory / "config.xml"
    config.write_text(f"<clickhouse><users_config>{users}</users_config></clickhouse>\n")
    return config
