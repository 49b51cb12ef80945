package import Segments

/// A store in which something happens, once, when an object is first read, or has been put.
package final class HookedStore: SegmentStore, @unchecked Sendable {
  private let store: any SegmentStore
  /// Set before the store is used, and taken by the one reader.
  package var onRead: (@Sendable () async throws -> Void)?
  /// Set before the store is used, and taken by the one writer.
  package var onPut: (@Sendable () async throws -> Void)?

  package init(_ store: any SegmentStore) { self.store = store }

  private func beRead() async throws {
    guard let hook = onRead else { return }
    onRead = nil
    try await hook()
  }

  package func put(_ name: String, from path: String) async throws {
    try await store.put(name, from: path)
    guard let hook = onPut else { return }
    onPut = nil
    try await hook()
  }
  package func read(_ name: String, range: Range<Int>?) async throws -> [UInt8] {
    try await beRead()
    return try await store.read(name, range: range)
  }
  package func size(_ name: String) async throws -> Int64 {
    try await beRead()
    return try await store.size(name)
  }
  package func list() async throws -> [String] { try await store.list() }
  package func delete(_ name: String) async throws { try await store.delete(name) }
  package func sweep() async throws -> Int { try await store.sweep() }
  package func report() async throws -> SegmentStoreReport { try await store.report() }
}
