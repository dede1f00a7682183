"""On Postgres: the index as rows, and row-level security on everything that belongs to a document."""

from alembic import op

from muniment.foundation.postgres import compare_bytes, run_script

revision = "0005"
down_revision = "0004"

_TABLES = """
CREATE TABLE access_entry (
  entry text COLLATE "C" NOT NULL,
  denies boolean NOT NULL,
  access_class integer NOT NULL REFERENCES access_class (id) ON DELETE CASCADE,
  PRIMARY KEY (entry, denies, access_class)
);
CREATE INDEX access_entry_class ON access_entry (access_class);

CREATE FUNCTION enter_access() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $body$
BEGIN
  DELETE FROM access_entry WHERE access_class = NEW.id;
  INSERT INTO access_entry
    SELECT value, false, NEW.id FROM jsonb_array_elements_text(NEW.allow::jsonb)
    UNION SELECT value, true, NEW.id FROM jsonb_array_elements_text(NEW.deny::jsonb);
  RETURN NULL;
END $body$;
CREATE TRIGGER access_class_entered AFTER INSERT OR UPDATE ON access_class
  FOR EACH ROW EXECUTE FUNCTION enter_access();

CREATE TABLE index_document (
  number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  document text COLLATE "C" NOT NULL UNIQUE REFERENCES document (id) ON DELETE CASCADE,
  version integer NOT NULL,
  model text COLLATE "C" NOT NULL,
  wording text COLLATE "C" NOT NULL,
  chunks integer NOT NULL,
  ordinals bytea NOT NULL,
  lengths bytea NOT NULL,
  longest real NOT NULL
);
CREATE TABLE index_chunk (
  number integer NOT NULL,
  place integer NOT NULL,
  embedding vector NOT NULL,
  PRIMARY KEY (number, place)
);
ALTER TABLE index_chunk ALTER COLUMN embedding SET STORAGE PLAIN;
CREATE TABLE index_term (
  number integer NOT NULL,
  term bigint NOT NULL,
  postings bytea NOT NULL,
  PRIMARY KEY (number, term)
);
CREATE FUNCTION forget_index() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $body$
BEGIN
  DELETE FROM index_chunk WHERE number = OLD.number;
  DELETE FROM index_term WHERE number = OLD.number;
  RETURN NULL;
END $body$;
CREATE TRIGGER index_document_forgotten AFTER DELETE ON index_document
  FOR EACH ROW EXECUTE FUNCTION forget_index();
"""

_READABLE = """
CREATE FUNCTION readable_classes() RETURNS integer[] LANGUAGE sql STABLE PARALLEL SAFE AS $body$
  SELECT nullif(current_setting('muniment.classes', true), '')::integer[]
$body$;
CREATE FUNCTION readable_numbers() RETURNS SETOF integer
  LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 1000 SET search_path FROM CURRENT AS $body$
  SELECT i.number FROM document d JOIN index_document i ON i.document = d.id
  WHERE d.access_class = ANY (nullif(current_setting('muniment.classes', true), '')::integer[])
$body$;
"""

_POLICIES = {
    "document": "access_class = ANY ((SELECT readable_classes())::integer[])",
    "document_version": "EXISTS (SELECT FROM document d WHERE d.id = document_version.document)",
    "chunk": "EXISTS (SELECT FROM document d WHERE d.id = chunk.document)",
    "index_document": "number IN (SELECT readable_numbers())",
    "index_chunk": "number IN (SELECT readable_numbers())",
    "index_term": "number IN (SELECT readable_numbers())",
}


def upgrade() -> None:
    """Add what only Postgres has; a file keeps its index in segments."""
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    compare_bytes(connection)
    for sql in (_TABLES, _READABLE):
        run_script(connection, sql)
    for table, readable in _POLICIES.items():
        for sql in (
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY whole ON {table} TO CURRENT_USER USING (true) WITH CHECK (true)",
            f"CREATE POLICY readable ON {table} FOR SELECT USING ({readable})",
        ):
            connection.exec_driver_sql(sql)
