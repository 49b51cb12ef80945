package import Postgres

extension AuditLog {
  /// Recomputes the whole log from its entries and compares it with all that was said of it: the stored hashes,
  /// the head, every checkpoint kept, and `checkpoint`, one that was kept elsewhere. Only the last can show a
  /// log that was rewritten from top to bottom together with its checkpoints.
  package func verify(checkpoint: String? = nil, on database: PostgresPool) async throws -> AuditVerification
  {
    try await database.transaction { tx in try self.verify(checkpoint: checkpoint, in: tx) }
  }

  package func verify(checkpoint: String? = nil, in tx: borrowing Transaction) throws -> AuditVerification {
    // Checkpoints before the head: one that is signed meanwhile may be larger than the head read here.
    let notes = try tx.execute(AuditStatement.checkpoints)
    let head = try tx.execute(AuditStatement.readHead)
    guard head.count == 1 else { throw AuditError(.damaged, "the audit log has no head") }
    var result = AuditVerification(size: head.int64(0, 0))
    let kept = (0..<notes.count).map { row in
      let lines = notes.text(row, 2)
      return (
        size: Int64?.some(notes.int64(row, 0)),
        note: notes.text(row, 1) + lines + (lines.isEmpty ? "" : "\n")
      )
    }
    var statements = kept.compactMap { read($0.note, size: $0.size, "kept", &result) }
    if let checkpoint { statements += [read(checkpoint, size: nil, "given", &result)].compactMap { $0 } }
    try recompute(statements, &result, in: tx)
    let range = CompactRange(size: result.size, bytes: head.bytes(0, 1))
    if range?.root != result.root || head.bytes(0, 2) != result.root {
      result.add(nil, "the head does not state the root of the entries")
    }
    return result
  }

  private func read(
    _ note: String, size: Int64?, _ origin: String, _ result: inout AuditVerification
  ) -> Statement? {
    do {
      let (signed, cosigners) = try Checkpoint.verify(note: note, by: key, witnesses: witnesses)
      guard size == nil || size == signed.size else {
        result.add(nil, "a checkpoint is kept under a size it does not state")
        return nil
      }
      result.cosignatures += cosigners.count
      return Statement(checkpoint: signed, name: "the \(origin) checkpoint of size \(signed.size)")
    } catch {
      result.add(nil, "the \(origin) checkpoint\(size.map { " of size \($0)" } ?? ""): \(error)")
      return nil
    }
  }

  /// Walks the entries once, in pages, and takes each checkpoint's measure as the tree passes its size.
  private func recompute(
    _ statements: [Statement], _ result: inout AuditVerification, in tx: borrowing Transaction
  ) throws {
    var walk = VerifyingWalk(statements: statements, result: result)
    walk.compareCheckpoints()
    while walk.position < result.size {
      let end = min(walk.position + Int64(Self.pageMax), result.size)
      let page = try tx.execute(
        AuditStatement.entries, [.int8(walk.position), .int8(end), .int8(Int64(Self.pageMax))])
      let entries = (0..<page.count).map { Self.entry(page, $0) }
      let levels = walk.add(entries, until: end)
      for (level, hashes) in levels.sorted(by: { $0.key < $1.key }) {
        try compare(hashes, at: level, &walk.result, in: tx)
      }
      if walk.isBroken { break }
    }
    let beyond = try tx.execute(AuditStatement.entriesBeyond)
    if let first = beyond.int64OrNil(0, 0) { walk.result.add(first, "entry \(first) lies beyond the head") }
    walk.finish()
    result = walk.result
  }

  private func compare(
    _ computed: [Int64: [UInt8]], at level: Int, _ result: inout AuditVerification,
    in tx: borrowing Transaction
  ) throws {
    guard let first = computed.keys.min(), let last = computed.keys.max() else { return }
    let rows = try tx.execute(
      AuditStatement.nodesBelow, [.int2(Int16(level)), .int8(first), .int8(last + 1)])
    var stored: [Int64: [UInt8]] = [:]
    for row in 0..<rows.count { stored[rows.int64(row, 0)] = rows.bytes(row, 1) }
    guard let wrong = computed.keys.filter({ stored[$0] != computed[$0] }).min() else { return }
    let entry = wrong << Int64(level)
    result.add(
      entry..<(entry + (1 << Int64(level))),
      level == 0
        ? "entry \(entry) is not the one that was appended: its hash differs"
        : "the stored hash over \(1 << level) entries from \(entry) on does not follow from them")
  }
}

/// A checkpoint and what to call it.
struct Statement {
  let checkpoint: Checkpoint
  let name: String
}

/// The tree as it is rebuilt entry by entry, and what was found on the way. Pure.
struct VerifyingWalk {
  private var range = CompactRange()
  private var statements: [Statement]
  /// The largest size up to which a checkpoint agreed.
  private var agreed: Int64 = 0
  private(set) var isBroken = false
  var result: AuditVerification

  init(statements: [Statement], result: AuditVerification) {
    self.statements = statements.sorted { $0.checkpoint.size > $1.checkpoint.size }
    self.result = result
  }

  var position: Int64 { range.size }

  /// Appends a page and returns the hashes computed, by level and index. A gap ends the walk: nothing after it
  /// has a place.
  mutating func add(_ entries: [RecordedEntry], until end: Int64) -> [Int: [Int64: [UInt8]]] {
    var levels: [Int: [Int64: [UInt8]]] = [:]
    for entry in entries {
      guard entry.index == position else { break }
      if CanonicalJSON(parsing: entry.bytes)?["index"]?.integer != entry.index {
        result.add(entry.index, "entry \(entry.index) is not canonical or states another index")
      }
      for (node, hash) in range.append(Merkle.leaf(entry.bytes)) {
        levels[node.level, default: [:]][node.index] = hash
      }
      compareCheckpoints()
    }
    if position < end {
      stop("entry \(position) is missing")
    }
    return levels
  }

  /// Ends the walk where it stands.
  mutating func stop(_ description: String) {
    result.add(position, description)
    isBroken = true
  }

  /// Compares the checkpoints whose size the tree has reached.
  mutating func compareCheckpoints() {
    while let next = statements.last, next.checkpoint.size == position {
      statements.removeLast()
      if next.checkpoint.root == range.root {
        result.checkpoints += 1
        agreed = position
      } else {
        result.add(
          agreed..<position, "\(next.name) does not match: entries \(agreed)..<\(position) were changed")
      }
    }
  }

  /// What is left states more than there is.
  mutating func finish() {
    result.root = range.root
    for statement in statements.reversed() {
      result.add(
        position..<statement.checkpoint.size,
        "\(statement.name) states more entries than the log has: \(position) can be read")
    }
  }
}
