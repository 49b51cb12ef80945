package import Model
package import SegmentFormat
import Sodium

/// What is wrong with a segment.
package struct SegmentFinding: Hashable, Sendable, CustomStringConvertible {
  package let segment: String
  package let block: Int32?
  package let conversation: ConversationID?
  package let what: String

  package var description: String {
    "segment \(segment)" + (block.map { ", block \($0)" } ?? "")
      + (conversation.map { ", conversation \($0.rawValue)" } ?? "") + ": " + what
  }
}

/// Checks a segment against itself and against what the catalogue says of it. Changes nothing.
///
/// Throws what the store throws where it does not answer: that says nothing of the segment.
package struct SegmentVerifier: Sendable {
  private let store: any SegmentStore

  package init(store: any SegmentStore) { self.store = store }

  /// What the catalogue knows.
  package struct Expected: Sendable {
    package let identity: SegmentIdentity
    package let bytes: Int64
    /// BLAKE2b-256 of the whole object.
    package let hash: [UInt8]
    package let blocks: [BlockEntry]

    package init(identity: SegmentIdentity, bytes: Int64, hash: [UInt8], blocks: [BlockEntry]) {
      self.identity = identity
      self.bytes = bytes
      self.hash = hash
      self.blocks = blocks
    }
  }

  private static let chunkBytes = 4 << 20

  /// Size, whole-object hashes, header, trailer, footer (if the period's key exists) and every block's hash. What
  /// cannot be read is a finding too.
  ///
  /// - Parameter sample: the ordinals of the blocks to look at. Then the object is not read as a whole, and hashes
  ///   over all of it are not checked.
  package func structure(
    _ expected: Expected, sample: Set<Int32>? = nil, keys: some SegmentKeys & Sendable
  ) async throws -> [SegmentFinding] {
    var findings: [SegmentFinding] = []
    do {
      try await wholes(expected, hashing: sample == nil, keys: keys, &findings)
    } catch {
      findings.append(finding(expected, try Self.damage(error)))
    }
    for block in expected.blocks where sample?.contains(block.ordinal) != false {
      do {
        if BlockEntry.hash(of: try await bytes(of: block, expected)) != block.hash {
          findings.append(finding(expected, "damaged", block))
        }
      } catch {
        findings.append(finding(expected, try Self.damage(error), block))
      }
    }
    return findings
  }

  /// Opens every block with `decoding`, which finds the keys, and compares it with its entry.
  package func contents(
    _ expected: Expected, decoding: @Sendable (BlockEntry, [UInt8]) async throws -> DecodedBlock
  ) async throws -> [SegmentFinding] {
    var findings: [SegmentFinding] = []
    for block in expected.blocks {
      do {
        let decoded = try await decoding(block, try await bytes(of: block, expected))
        if decoded.messages.count + decoded.unreadable != Int(block.count) {
          findings.append(finding(expected, "holds another number of messages than its entry says", block))
        }
      } catch {
        findings.append(finding(expected, try Self.damage(error), block))
      }
    }
    return findings
  }

  /// What an error says of the segment; thrown on if it is the store's.
  package static func damage(_ error: any Error) throws -> String {
    if error is CancellationError { throw error }
    if let error = error as? SegmentStoreError, !error.isDamage { throw error }
    return "\(error)"
  }

  /// What concerns the object as a whole. What was found before an error stays found.
  private func wholes(
    _ expected: Expected, hashing: Bool, keys: some SegmentKeys & Sendable, _ findings: inout [SegmentFinding]
  ) async throws {
    let name = SegmentName.object(expected.identity.hex)
    let size = try await store.size(name)
    if size != expected.bytes {
      findings.append(finding(expected, "is \(size) bytes, not \(expected.bytes)"))
    }
    guard size >= Int64(SegmentIdentity.headerSize + SegmentTrailer.size) else {
      findings.append(finding(expected, "is cut short"))
      return
    }
    let hashes = hashing ? try await hashes(name, size: Int(size)) : nil
    if let hashes, hashes.whole != expected.hash {
      findings.append(finding(expected, "its bytes are not those that were sealed"))
    }
    if let wrong = try await header(name, expected) { findings.append(finding(expected, wrong)) }
    let trailer = try SegmentTrailer(
      await store.read(name, range: Int(size) - SegmentTrailer.size..<Int(size)), objectSize: size)
    if let hashes, hashes.covered != trailer.hash {
      findings.append(finding(expected, "its trailer's hash is not that of its bytes"))
    }
    guard keys.period != nil else { return }
    let directory = try SegmentReader.directory(
      footer: await store.read(name, range: trailer.footerRange), at: trailer.footerOffset,
      identity: expected.identity, keys: keys)
    if directory != expected.blocks {
      findings.append(finding(expected, "its directory is not the catalogue's"))
    }
  }

  /// What is wrong with the header; the footer is looked at all the same.
  private func header(_ name: String, _ expected: Expected) async throws -> String? {
    do {
      let header = try await store.read(name, range: 0..<SegmentIdentity.headerSize)
      return try SegmentIdentity(header: header) == expected.identity
        ? nil : "its header names another segment"
    } catch {
      return try Self.damage(error)
    }
  }

  private func finding(_ expected: Expected, _ what: String, _ block: BlockEntry? = nil) -> SegmentFinding {
    SegmentFinding(
      segment: expected.identity.hex, block: block?.ordinal, conversation: block?.conversation, what: what)
  }

  private func bytes(of block: BlockEntry, _ expected: Expected) async throws -> [UInt8] {
    try await store.read(
      SegmentName.object(expected.identity.hex),
      range: Int(block.offset)..<Int(block.offset) + Int(block.length))
  }

  /// BLAKE2b-256 of the whole object, and of what the trailer's hash covers; one pass.
  private func hashes(_ name: String, size: Int) async throws -> (whole: [UInt8], covered: [UInt8]) {
    var whole = BLAKE2b()
    var covered = BLAKE2b()
    let coveredEnd = size - SegmentTrailer.uncoveredSize
    for start in stride(from: 0, to: size, by: Self.chunkBytes) {
      let piece = try await store.read(name, range: start..<min(start + Self.chunkBytes, size))
      whole.update(piece)
      if start < coveredEnd { covered.update(Array(piece.prefix(coveredEnd - start))) }
    }
    return (whole.finish(), covered.finish())
  }
}
