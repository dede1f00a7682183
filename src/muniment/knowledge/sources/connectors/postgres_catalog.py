"""What a Postgres server says of its roles and of the tables that are read, by the catalog that any login may see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from muniment.foundation.errors import BadInput, Unavailable
from muniment.foundation.outside_postgres import Snapshot, quoted

KeyKind = Literal["number", "uuid", "text"]
_KEY_KINDS: Mapping[str, KeyKind] = {
    "int2": "number",
    "int4": "number",
    "int8": "number",
    "uuid": "uuid",
    "text": "text",
    "varchar": "text",
}
_PLAIN = ("r", "p", "m")
"""Tables, whose rows are hidden or shown, but are the same for whoever sees them."""
_ROLES = """
SELECT rolname,
  rolcanlogin AND (rolvaliduntil IS NULL OR rolvaliduntil > now()) AND (rolconnlimit <> 0 OR rolsuper)
    AND has_database_privilege(oid, current_database(), 'CONNECT'),
  pg_has_role(session_user, oid, {become})
FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY rolname
"""
_TABLE = """
SELECT c.oid, c.relkind::text, a.attname, t.typname, coalesce(b.typname, t.typname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON b.oid = nullif(t.typbasetype, 0)
WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""
_SESSION_WORDS = (
    r"\m(session_user|system_user|current_setting|set_config|inet_client_addr|inet_client_port|pg_stat_activity"
    r"|pg_stat_get_activity|pg_backend_pid|pg_settings)\M"
)
_ASKS_SESSION = """
WITH RECURSIVE reached(oid) AS (
  SELECT %s::oid
  UNION
  SELECT d.refobjid FROM reached JOIN LATERAL (
      SELECT p.oid, 'pg_policy'::regclass AS class FROM pg_policy p WHERE p.polrelid = reached.oid
      UNION ALL SELECT w.oid, 'pg_rewrite'::regclass FROM pg_rewrite w WHERE w.ev_class = reached.oid
    ) AS rule ON true
  JOIN pg_depend d ON d.classid = rule.class AND d.objid = rule.oid AND d.refclassid = 'pg_class'::regclass
), rule(oid, class) AS (
  SELECT p.oid, 'pg_policy'::regclass FROM pg_policy p JOIN reached ON p.polrelid = reached.oid
  UNION ALL SELECT w.oid, 'pg_rewrite'::regclass FROM pg_rewrite w JOIN reached ON w.ev_class = reached.oid
), seen AS MATERIALIZED (
  SELECT c.oid, c.relname FROM pg_class c JOIN reached USING (oid) WHERE c.relkind = 'v'
)
SELECT 'policy ' || p.polname FROM pg_policy p JOIN reached ON p.polrelid = reached.oid
  WHERE p.polcmd IN ('r', '*') AND pg_get_expr(p.polqual, p.polrelid) ~* %s
UNION ALL SELECT 'view ' || seen.relname FROM seen WHERE pg_get_viewdef(seen.oid) ~* %s
UNION ALL SELECT 'function ' || f.proname FROM pg_proc f
  WHERE CASE WHEN f.oid >= 16384 AND f.prokind IN ('f', 'p') THEN pg_get_functiondef(f.oid) ~* %s ELSE false END
    AND EXISTS (SELECT FROM rule JOIN pg_depend d ON d.classid = rule.class AND d.objid = rule.oid
      WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass))
LIMIT 1
"""
"""What a function calls is not on record, so that where one is used all that were written for this database count."""


@dataclass(frozen=True, slots=True)
class Role:
    """An account of the server."""

    name: str
    logs_in: bool
    """Whether it can connect to this database now."""
    ours: bool
    """Whether our login may become it."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A table or view as the catalog has it."""

    relation: str
    """Quoted, with its schema."""
    same_for_all: bool
    """Whether a row that two roles see is the same row, as in a table and unlike in a view."""
    key_kinds: tuple[KeyKind, ...]
    types: Mapping[str, str]
    """By column."""
    problem: str = ""
    """Why nobody is given any of it."""


def roles(snapshot: Snapshot) -> list[Role]:
    """Return the accounts of the server; raises Unavailable for a server that is too old or writes otherwise."""
    version, encoding = snapshot.rows(
        "SELECT current_setting('server_version_num')::int, current_setting('server_encoding')"
    )[0]
    if version < 130000 or encoding != "UTF8":
        raise Unavailable(
            f"The server is of version {version // 10000} and writes {encoding}.",
            fix="Only Postgres 13 and later with databases in UTF8 can be read.",
        )
    become = "'SET'" if version >= 160000 else "'MEMBER'"
    return [Role(*row) for row in snapshot.rows(_ROLES.format(become=become))]


def shape(snapshot: Snapshot, schema: str, name: str, key: Sequence[str], columns: Sequence[str]) -> Shape:
    """Return what is known of a table; raises BadInput naming what the settings say otherwise."""
    found = snapshot.rows(_TABLE, (schema, name))
    if not found:
        raise BadInput(
            f"tables: there is no table or view {schema}.{name}.", fix="Mend its name and in_schema."
        )
    types = {row[2]: row[3] for row in found}
    bases = {row[2]: row[4] for row in found}
    for column in (*key, *columns):
        if column not in types:
            raise BadInput(f"tables: {schema}.{name} has no column {column}.", fix="Mend the column's name.")
    for column in key:
        if bases[column] not in _KEY_KINDS:
            raise BadInput(
                f"tables: the key {column} of {schema}.{name} is of the type {types[column]}.",
                fix="Use columns of whole numbers, uuid or text.",
            )
    oid, relkind = found[0][:2]
    asks = snapshot.rows(_ASKS_SESSION, (oid, *[_SESSION_WORDS] * 3))
    problem = f"the {asks[0][0]} asks for the session, not for the role" if asks else ""
    relation = f"{quoted(schema)}.{quoted(name)}"
    kinds: tuple[KeyKind, ...] = tuple(_KEY_KINDS[bases[column]] for column in key)
    return Shape(relation, relkind in _PLAIN, kinds, types, problem)


def standing(snapshot: Snapshot, relations: Sequence[tuple[str, str]]) -> tuple[str, bool, list[str]]:
    """Return the name of our login, whether no policy binds it, and which tables it owns."""
    name, above = snapshot.rows(
        "SELECT session_user::text, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = session_user"
    )[0]
    owned = "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    owned += "WHERE n.nspname = %s AND c.relname = %s AND pg_get_userbyid(c.relowner) = session_user"
    return name, above, [table for schema, table in relations if snapshot.rows(owned, (schema, table))]
