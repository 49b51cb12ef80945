import Segments
import Sodium
import Testing

/// What every ``SegmentStore`` must do. `store` is empty.
func expectConformance(of store: any SegmentStore, _ scratch: Scratch) async throws {
  let bytes = Randomness.bytes(3_000_000)
  let (first, second) = (newName(), newName())
  let file = try scratch.file("object", bytes)
  #expect(try await store.list().isEmpty)

  try await store.put(first, from: file)
  try await store.put(second, from: scratch.file("empty", []))
  #expect(try await store.list() == [first, second].sorted())
  #expect(try await store.size(first) == 3_000_000)
  #expect(try await store.size(second) == 0)
  #expect(try await store.read(first, range: nil) == bytes)
  #expect(try await store.read(second, range: nil).isEmpty)
  for range in [
    0..<0, 0..<1, 1_048_570..<1_048_590, 2_999_999..<3_000_000, 3_000_000..<3_000_000, 0..<3_000_000,
  ] {
    #expect(try await store.read(first, range: range) == Array(bytes[range]))
  }
  for range in [0..<3_000_001, 3_000_001..<3_000_001, -1..<0, 5_000_000..<5_000_001] {
    await expect(.shortRead) { _ = try await store.read(first, range: range) }
  }

  await expect(.exists) { try await store.put(first, from: scratch.file("other", [1])) }
  #expect(try await store.read(first, range: nil) == bytes)

  // The store has its own copy.
  _ = try scratch.file("object", [1, 2, 3])
  #expect(try await store.read(first, range: 0..<8) == Array(bytes[0..<8]))

  try await store.delete(first)
  try await store.delete(first)
  #expect(try await store.list() == [second])
  await expect(.missing) { _ = try await store.read(first, range: nil) }
  await expect(.missing) { _ = try await store.size(first) }
  await expect(.missing) { try await store.put(newName(), from: scratch.path + "/nothing") }

  for name in [
    "", "../up.mseg", "a.mseg", newName() + "x", "/etc/passwd", String(newName().uppercased()), ".",
    "\0.mseg",
  ] {
    await expect(.badName) { try await store.put(name, from: file) }
    await expect(.badName) { _ = try await store.read(name, range: nil) }
    await expect(.badName) { _ = try await store.size(name) }
    await expect(.badName) { try await store.delete(name) }
  }
}

func newName() -> String { SegmentName.object(Randomness.bytes(16).hex) }

func expect(_ code: SegmentStoreError.Code, _ body: () async throws -> Void) async {
  await #expect { try await body() } throws: { ($0 as? SegmentStoreError)?.code == code }
}
