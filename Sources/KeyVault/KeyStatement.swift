/// The SQL of the vault, by name. Where owners come in, they are five arrays: shard, kind, tenant, high, low.
enum KeyStatement {
  private static let owners = """
    unnest($1::smallint[], $2::smallint[], $3::bigint[], $4::bigint[], $5::bigint[])
    """
  private static let onOwner = """
    w.shard = o.shard AND w.kind = o.kind AND w.tenant = o.tenant AND w.id_high = o.id_high AND w.id_low = o.id_low
    """

  static let select = """
    SELECT o.n, w.generation, w.epoch, w.wrapped
    FROM \(owners) WITH ORDINALITY AS o(shard, kind, tenant, id_high, id_low, n) JOIN wrapped_key w ON \(onOwner)
    """
  /// In the order of the table's key, after a row of it.
  static let ofTenant = """
    SELECT shard, kind, tenant, id_high, id_low FROM wrapped_key
    WHERE tenant = $1 AND kind = ANY($2) AND (shard, kind, tenant, id_high, id_low) > ($3, $4, $1, $5, $6)
    ORDER BY shard, kind, tenant, id_high, id_low LIMIT $7
    """
  static let insert = """
    INSERT INTO wrapped_key (shard, kind, tenant, id_high, id_low, generation, epoch, wrapped, created_at)
    SELECT o.s, o.k, o.t, o.h, o.l, o.g, o.e, o.w, now()
    FROM unnest($1::smallint[], $2::smallint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
      $7::bigint[], $8::bytea[]) AS o(s, k, t, h, l, g, e, w)
    ON CONFLICT DO NOTHING RETURNING generation
    """
  /// KEY SHARE: a destruction waits for the end of the transaction, re-wrapping does not.
  static let lockAlive = """
    SELECT 1 FROM unnest($1::smallint[], $2::smallint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
      AS o(shard, kind, tenant, id_high, id_low, generation)
    JOIN wrapped_key w ON \(onOwner) AND w.generation = o.generation FOR KEY SHARE OF w
    """
  static let lockThere = """
    SELECT 1 FROM \(owners) AS o(shard, kind, tenant, id_high, id_low) JOIN wrapped_key w ON \(onOwner)
    FOR KEY SHARE OF w
    """
  static let destroy = """
    WITH gone AS (
      DELETE FROM wrapped_key w USING \(owners) AS o(shard, kind, tenant, id_high, id_low) WHERE \(onOwner)
      RETURNING w.shard, w.kind, w.tenant, w.id_high, w.id_low, w.generation, w.epoch)
    INSERT INTO key_destruction
      (shard, kind, tenant, id_high, id_low, generation, epoch, destroyed_at, reason)
    SELECT shard, kind, tenant, id_high, id_low, generation, epoch, $6, $7 FROM gone
    """
  static let destructions = """
    SELECT w.shard, w.kind, w.tenant, w.id_high, w.id_low, w.epoch, w.destroyed_at, w.reason, w.kek_destroyed_at
    FROM \(owners) AS o(shard, kind, tenant, id_high, id_low) JOIN key_destruction w ON \(onOwner)
    ORDER BY w.destroyed_at
    """

  static let seedShards = """
    INSERT INTO key_shard (shard, epoch) SELECT s, e FROM unnest($1::smallint[], $2::bigint[]) AS n(s, e)
    ON CONFLICT DO NOTHING
    """
  static let shareShards =
    "SELECT shard, epoch FROM key_shard WHERE shard = ANY ($1) ORDER BY shard FOR SHARE"
  static let lockShard = "SELECT epoch FROM key_shard WHERE shard = $1 FOR UPDATE"
  static let recordEpoch = "UPDATE key_shard SET epoch = $2 WHERE shard = $1"

  static let hasPending = """
    SELECT EXISTS (SELECT FROM key_destruction WHERE shard = $1 AND epoch >= $2 AND kek_destroyed_at IS NULL)
    """
  static let hasKeysBelow = "SELECT EXISTS (SELECT FROM wrapped_key WHERE shard = $1 AND epoch < $2)"
  static let countKeysBelow = "SELECT count(*) FROM wrapped_key WHERE shard = $1 AND epoch < $2"
  static let lockKeysBelow = """
    SELECT kind, tenant, id_high, id_low, generation, epoch, wrapped FROM wrapped_key
    WHERE shard = $1 AND epoch < $2 LIMIT $3 FOR NO KEY UPDATE
    """
  static let rewrap = """
    UPDATE wrapped_key w SET epoch = $6, wrapped = o.wrapped
    FROM unnest($1::smallint[], $2::smallint[], $3::bigint[], $4::bigint[], $5::bigint[], $7::bytea[])
      AS o(shard, kind, tenant, id_high, id_low, wrapped)
    WHERE \(onOwner)
    """
  static let completeDestructions = """
    UPDATE key_destruction SET kek_destroyed_at = $3
    WHERE shard = $1 AND epoch < $2 AND kek_destroyed_at IS NULL
    """

  static let countKeys = "SELECT kind, count(*) FROM wrapped_key GROUP BY kind"
  static let countDestructions = """
    SELECT count(*) FILTER (WHERE kek_destroyed_at IS NULL), count(*) FILTER (WHERE kek_destroyed_at IS NOT NULL)
    FROM key_destruction
    """
  static let readShards = "SELECT shard, epoch FROM key_shard ORDER BY shard"
  static let pending = """
    SELECT shard, kind, tenant, id_high, id_low, epoch, destroyed_at, reason, kek_destroyed_at
    FROM key_destruction WHERE kek_destroyed_at IS NULL ORDER BY destroyed_at LIMIT $1
    """
}
