import Model
import Postgres
import Runtime

/// PostgreSQL in a database of its own: tokens as `bigint[]` under GIN, conversations under a btree, memberships in a
/// table, and the better of two ways to ask.
struct BenchPostgres: Sendable {
  private let pool: PostgresPool
  private let tokens: BenchTokens

  private static let rowsPerCopy = 20_000

  /// - Parameter conninfo: of a cluster in which a database may be made.
  static func with<R>(
    _ conninfo: String, _ tokens: BenchTokens, _ body: (BenchPostgres) async throws -> R
  ) async throws -> R {
    let maintenance = PostgresPool(conninfo: conninfo, size: 1)
    try await maintenance.executeAlone("CREATE DATABASE bench_search")
    // What somebody who cares would set for short searches: no compilation, room for bitmaps.
    try await maintenance.executeAlone("ALTER DATABASE bench_search SET jit = off")
    try await maintenance.executeAlone("ALTER DATABASE bench_search SET work_mem = '64MB'")
    try await maintenance.executeAlone("ALTER DATABASE bench_search SET maintenance_work_mem = '512MB'")
    try await maintenance.executeAlone("ALTER DATABASE bench_search SET synchronous_commit = off")
    await maintenance.close()
    let pool = PostgresPool(conninfo: conninfo + " dbname=bench_search", size: 1)
    do {
      let result = try await body(BenchPostgres(pool: pool, tokens: tokens))
      await pool.close()
      return result
    } catch {
      await pool.close()
      throw error
    }
  }

  /// - Returns: seconds of loading and indexing, without making the documents.
  func build(_ documents: BenchDocuments, _ readers: [BenchReader]) async throws -> Double {
    try await pool.transaction { tx in try tx.executeScript(Self.schema) }
    var stream = documents.stream()
    var seconds = 0.0
    while case let rows = stream.next(Self.rowsPerCopy), !rows.isEmpty {
      let encoded = rows.map { (row: $0, tokens: array(of: $0)) }
      let watch = Stopwatch()
      try await pool.transaction { tx in
        _ = try tx.copyIn(
          "COPY message (id, conversation, sender, created_at, tokens) FROM STDIN (FORMAT binary)"
        ) { (writer: inout CopyWriter) throws(PostgresError) in
          for entry in encoded {
            writer.beginRow(columns: 5)
            for number in [
              entry.row.ordinal, entry.row.conversation, entry.row.sender, entry.row.createdAt,
            ] { writer.int8(number) }
            writer.bytes(entry.tokens)
          }
        }
      }
      seconds += watch.seconds
    }
    let indexing = Stopwatch()
    try await pool.transaction { tx in try tx.executeScript(Self.indexes) }
    try await pool.executeAlone("VACUUM ANALYZE message")
    seconds += indexing.seconds
    try await load(readers)
    if !tokens.isBlinded { try await load(documents.vocabulary) }
    return seconds
  }

  private static let schema = """
    CREATE TABLE message (
      id bigint NOT NULL, conversation bigint NOT NULL, sender bigint NOT NULL, created_at bigint NOT NULL,
      tokens bigint[] NOT NULL);
    CREATE TABLE member (
      reader bigint NOT NULL, conversation bigint NOT NULL, since bigint NOT NULL, PRIMARY KEY (reader, conversation));
    CREATE TABLE word (text text COLLATE "C" NOT NULL PRIMARY KEY, token bigint NOT NULL);
    """

  private static let indexes = """
    ALTER TABLE message ADD PRIMARY KEY (id);
    CREATE INDEX message_conversation ON message (conversation, id DESC);
    CREATE INDEX message_tokens ON message USING gin (tokens) WITH (fastupdate = off);
    """

  private func load(_ readers: [BenchReader]) async throws {
    for reader in readers {
      try await pool.transaction { tx in
        _ = try tx.execute(
          "INSERT INTO member SELECT $1, * FROM unnest($2::bigint[], $3::bigint[])",
          [
            .int8(Int64(reader.number)), .int8Array(reader.windows.map(\.conversation)),
            .int8Array(reader.windows.map(\.from)),
          ])
      }
    }
    try await pool.executeAlone("VACUUM ANALYZE member")
  }

  private func load(_ vocabulary: BenchVocabulary) async throws {
    let numbers = vocabulary.words.indices.map { tokens.number(UInt32($0), 0) }
    try await pool.transaction { tx in
      _ = try tx.execute(
        "INSERT INTO word SELECT * FROM unnest($1::text[], $2::bigint[])",
        [.textArray(vocabulary.words), .int8Array(numbers)])
    }
    try await pool.executeAlone("VACUUM ANALYZE word")
  }

  /// `bigint[]` as PostgreSQL sends it; in text order where there is one, so that phrases can be looked at again.
  private func array(of document: BenchDocument) -> [UInt8] {
    var numbers = document.words.map { tokens.number($0, document.conversation) }
    if tokens.isBlinded {
      numbers = document.distinct.map { tokens.number($0, document.conversation) }.sorted()
    } else {
      // A zero is no word's: no phrase runs into what stands nowhere in the text.
      numbers += document.extras.flatMap { [0, tokens.number($0, document.conversation)] }
    }
    var bytes: [UInt8] = []
    func append(_ number: some FixedWidthInteger) {
      for shift in stride(from: number.bitWidth - 8, through: 0, by: -8) {
        bytes.append(UInt8(truncatingIfNeeded: number >> shift))
      }
    }
    append(Int32(numbers.isEmpty ? 0 : 1))
    append(Int32(0))
    append(Int32(20))  // the type bigint
    guard !numbers.isEmpty else { return bytes }
    append(Int32(numbers.count))
    append(Int32(1))
    for number in numbers {
      append(Int32(8))
      append(number)
    }
    return bytes
  }

  /// By relation.
  func bytes() async throws -> [String: Int] {
    try await pool.transaction { tx in
      let rows = try tx.execute(
        """
        SELECT relname::text, pg_relation_size(oid) FROM pg_class
        WHERE relname IN ('message', 'message_tokens', 'message_conversation', 'message_pkey')
        """)
      let names = [
        "message": "table", "message_tokens": "gin", "message_conversation": "btree", "message_pkey": "btree",
      ]
      var bytes: [String: Int] = [:]
      for row in 0..<rows.count {
        bytes[names[rows.text(row, 0)] ?? "other", default: 0] += Int(rows.int64(row, 1))
      }
      return bytes
    }
  }

  /// Two ways of asking for the same: the planner may start from the memberships, or is told the conversations.
  enum Form: CaseIterable, Sendable { case joined, named }

  func answer(_ query: BenchQuery, _ reader: BenchReader, _ form: Form) async throws -> [Int64] {
    let (statement, values) = statement(query, reader, form)
    return try await pool.transaction { tx in
      let rows = try tx.execute(statement, values)
      return (0..<rows.count).map { rows.int64($0, 0) }
    }
  }

  private func statement(_ query: BenchQuery, _ reader: BenchReader, _ form: Form) -> (
    String, [PostgresValue]
  ) {
    var values: [PostgresValue] = [.int8(Int64(reader.number))]
    func parameter(_ numbers: [Int64]) -> String {
      values.append(.int8Array(numbers))
      return "$\(values.count)::bigint[]"
    }
    var conditions: [String] = []
    if tokens.isBlinded {
      // A token belongs to one conversation and word, so that both words overlap in the same one.
      for word in query.words {
        let numbers = reader.windows.map { tokens.number(word, $0.conversation) }
        conditions.append("m.tokens && \(parameter(numbers))")
      }
    } else if query.kind == .prefix {
      values += [.text(query.prefix), .text(query.prefix + "\u{10FFFF}")]
      conditions.append(
        """
        m.tokens && ARRAY(SELECT token FROM word
          WHERE text >= $\(values.count - 1) AND text < $\(values.count))
        """)
    } else {
      let numbers = query.words.map { tokens.number($0, 0) }
      conditions.append("m.tokens @> \(parameter(numbers))")
      if query.kind == .phrase {
        values += numbers.map { .int8($0) }
        conditions.append(
          """
          EXISTS (SELECT FROM generate_subscripts(m.tokens, 1) AS at
            WHERE m.tokens[at] = $\(values.count - 1) AND m.tokens[at + 1] = $\(values.count))
          """)
      }
    }
    if form == .named {
      conditions.append("m.conversation = ANY(\(parameter(reader.windows.map(\.conversation))))")
    }
    return (
      """
      SELECT m.id FROM message m WHERE \(conditions.joined(separator: " AND "))
      AND EXISTS (SELECT FROM member w
        WHERE w.reader = $1 AND w.conversation = m.conversation AND w.since <= m.created_at)
      ORDER BY m.id DESC LIMIT \(BenchQuery.limit)
      """, values
    )
  }
}
