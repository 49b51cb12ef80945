/// Changes to be applied together, in the shim's byte form. Everything is looked at before it is added: Xapian
/// drops a whole batch for one bad term, silently.
package struct XapianBatch: Sendable {
  package private(set) var bytes: [UInt8] = []
  /// Operations in it.
  package private(set) var count = 0

  package init() {}

  /// Adds a document, in place of any with its sequence.
  ///
  /// - Parameters:
  ///   - createdAt: microseconds since 1970.
  ///   - positioned: words in text order; also searchable as plain terms.
  /// - Throws: `.badTerm` or `.badBatch` with the sequence; nothing is added then.
  package mutating func put(
    sequence: Int64, conversation: Int64, sender: Int64, createdAt: Int64, terms: [[UInt8]],
    positioned: [[UInt8]]
  ) throws(XapianError) {
    // As far as differences of two times cannot overflow; the shim's own limit.
    guard XapianLimits.sequences.contains(sequence), createdAt.magnitude <= 1 << 61 else {
      throw XapianError(.badBatch, sequence: sequence)
    }
    guard terms.allSatisfy(XapianLimits.isStorable), positioned.allSatisfy(XapianLimits.isStorable) else {
      throw XapianError(.badTerm, sequence: sequence)
    }
    try reserve(
      33 + terms.lazy.map { $0.count + 1 }.reduce(0, +) + positioned.lazy.map { $0.count + 1 }.reduce(0, +))
    bytes.append(1)
    append(XapianLimits.document(sequence))
    append(conversation)
    append(sender)
    append(createdAt)
    append(terms)
    append(positioned)
    count += 1
  }

  package mutating func delete(sequence: Int64) throws(XapianError) {
    guard XapianLimits.sequences.contains(sequence) else { throw XapianError(.badBatch, sequence: sequence) }
    try reserve(5)
    bytes.append(2)
    append(XapianLimits.document(sequence))
    count += 1
  }

  private func reserve(_ more: Int) throws(XapianError) {
    guard bytes.count + more <= XapianLimits.batchBytes else { throw XapianError(.badBatch) }
  }

  private mutating func append(_ number: some FixedWidthInteger) {
    for shift in stride(from: 0, to: number.bitWidth, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: number >> shift))
    }
  }

  private mutating func append(_ terms: [[UInt8]]) {
    append(UInt32(terms.count))
    for term in terms {
      bytes.append(UInt8(term.count))
      bytes.append(contentsOf: term)
    }
  }
}
