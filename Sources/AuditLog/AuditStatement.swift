/// The SQL of the log, by name.
enum AuditStatement {
  static let lockHead = "SELECT size, frontier, root FROM audit_head WHERE head_id = 1 FOR UPDATE"
  static let readHead = "SELECT size, frontier, root FROM audit_head WHERE head_id = 1"
  static let writeHead = "UPDATE audit_head SET size = $1, frontier = $2, root = $3 WHERE head_id = 1"

  static let insertEntries = """
    INSERT INTO audit_entry (entry_index, tenant_id, action, entry, appended_at)
    SELECT i, NULLIF(t, -1), a, e, $5 FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bytea[]) AS n(i, t, a, e)
    """
  static let insertNodes = """
    INSERT INTO audit_node (level, node_index, hash)
    SELECT l, i, h FROM unnest($1::smallint[], $2::bigint[], $3::bytea[]) AS n(l, i, h)
    """
  static let insertParts = """
    INSERT INTO audit_personal (entry_index, name, subject_id, under_subject_key, sealed)
    SELECT i, n, NULLIF(s, -1), u, b
    FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::boolean[], $5::bytea[]) AS p(i, n, s, u, b)
    """

  static let nodes = """
    SELECT n.level, n.node_index, n.hash
    FROM unnest($1::smallint[], $2::bigint[]) AS w(l, i) JOIN audit_node n ON n.level = w.l AND n.node_index = w.i
    """
  static let tile = """
    SELECT hash FROM audit_node WHERE level = $1 AND node_index >= $2 AND node_index < $3 ORDER BY node_index
    """
  static let nodesBelow = """
    SELECT node_index, hash FROM audit_node WHERE level = $1 AND node_index >= $2 AND node_index < $3
    ORDER BY node_index
    """

  static let entries = """
    SELECT entry_index, entry, appended_at FROM audit_entry WHERE entry_index >= $1 AND entry_index < $2
    ORDER BY entry_index LIMIT $3
    """
  static let entriesOfTenant = """
    SELECT entry_index, entry, appended_at FROM audit_entry
    WHERE tenant_id = $4 AND entry_index >= $1 AND entry_index < $2 ORDER BY entry_index LIMIT $3
    """
  // Against the head as it is in this same moment: whoever appends moves both.
  static let entriesBeyond = """
    SELECT min(entry_index) FROM audit_entry
    WHERE entry_index >= (SELECT size FROM audit_head WHERE head_id = 1)
    """
  static let parts = """
    SELECT entry_index, name, subject_id, under_subject_key, sealed FROM audit_personal
    WHERE entry_index = ANY ($1) ORDER BY entry_index, name
    """

  static let insertMentions = """
    INSERT INTO audit_mention (tenant_id, subject_hash, entry_index, part)
    SELECT t, h, i, p FROM unnest($1::bigint[], $2::bytea[], $3::bigint[], $4::text[]) AS m(t, h, i, p)
    """
  static let eraseParts = """
    DELETE FROM audit_personal p USING audit_mention m WHERE m.tenant_id = $1 AND m.subject_hash = $2
      AND p.entry_index = m.entry_index AND p.name = m.part
    """
  static let eraseMentions =
    "DELETE FROM audit_mention WHERE tenant_id = $1 AND subject_hash = $2 AND part <> ''"
  static let countParts = """
    SELECT count(*) FROM audit_personal p JOIN audit_mention m ON p.entry_index = m.entry_index AND p.name = m.part
    WHERE m.tenant_id = $1 AND m.subject_hash = $2
    """
  static let mentioning = """
    SELECT e.entry_index, e.entry, e.appended_at FROM audit_entry e
    WHERE e.entry_index > $3 AND e.entry_index IN (
      SELECT entry_index FROM audit_mention WHERE tenant_id = $1 AND subject_hash = $2 AND entry_index > $3)
    ORDER BY e.entry_index LIMIT $4
    """

  static let insertCosignature = """
    INSERT INTO audit_cosignature (size, witness, line, received_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (size, witness) DO UPDATE SET line = excluded.line, received_at = excluded.received_at
    """
  static let cosignatures = "SELECT line FROM audit_cosignature WHERE size = $1 ORDER BY witness LIMIT 16"
  static let checkpointOf = "SELECT size, note FROM audit_checkpoint WHERE size = $1"

  static let lastCheckpoint = "SELECT size, note FROM audit_checkpoint ORDER BY size DESC LIMIT 1"
  static let insertCheckpoint = "INSERT INTO audit_checkpoint (size, note, signed_at) VALUES ($1, $2, $3)"
  static let checkpoints = """
    SELECT c.size, c.note, coalesce(string_agg(s.line, E'\\n' ORDER BY s.witness), '')
    FROM audit_checkpoint c LEFT JOIN audit_cosignature s ON s.size = c.size GROUP BY c.size, c.note ORDER BY c.size
    """
}
