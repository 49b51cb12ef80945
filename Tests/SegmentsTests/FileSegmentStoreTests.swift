import Foundation
import Glibc
import Segments
import Sodium
import Testing

@Suite struct FileSegmentStoreTests {
  private let scratch: Scratch
  private let directory: String
  private let store: FileSegmentStore

  init() throws {
    scratch = try Scratch()
    directory = scratch.path + "/store"
    store = try FileSegmentStore(directory: directory)
  }

  @Test func itIsAStore() async throws { try await expectConformance(of: store, scratch) }

  @Test func onlyItsOwnerMayLookIntoIt() async throws {
    let name = newName()
    try await store.put(name, from: scratch.file("object", [1]))
    for (path, mode) in [(directory, 0o700), (directory + "/" + name, 0o600)] {
      let found = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
      #expect(found == mode)
    }
  }

  /// The two states a crash can leave: a copy cut short, and an object whose temporary name is still there.
  @Test func leftoversOfACrashAreNeitherListedNorKept() async throws {
    let name = newName()
    try await store.put(name, from: scratch.file("object", [1, 2, 3]))
    let (cut, linked) = (newName(), directory + "/" + name + ".1.part")
    try Data([9]).write(to: URL(filePath: directory + "/" + cut + ".2.part"))
    #expect(link(directory + "/" + name, linked) == 0)

    #expect(try await store.list() == [name])
    await expect(.missing) { _ = try await store.size(cut) }
    #expect(try await store.sweep() == 2)
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == [name])
    #expect(try await store.read(name, range: nil) == [1, 2, 3])
    try await store.put(cut, from: scratch.file("again", [9, 9]))
    #expect(try await store.sweep() == 0)
  }

  @Test func aSweepLeavesAPutThatIsUnderWayAlone() async throws {
    let path = directory + "/" + newName() + ".3.part"
    let descriptor = open(path, O_WRONLY | O_CREAT, 0o600)
    #expect(flock(descriptor, LOCK_EX) == 0)
    #expect(try await store.sweep() == 0)
    #expect(FileManager.default.fileExists(atPath: path))
    close(descriptor)
    #expect(try await store.sweep() == 1)
  }

  @Test func aFailedPutLeavesNothing() async throws {
    let name = newName()
    try await store.put(name, from: scratch.file("object", [1]))
    await expect(.exists) { try await store.put(name, from: scratch.file("other", [2])) }
    await expect(.missing) { try await store.put(newName(), from: scratch.path + "/nothing") }
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == [name])
  }

  @Test func ofTwoPutsOfOneObjectExactlyOneWins() async throws {
    let name = newName()
    let files = try (0..<8).map {
      try scratch.file("object\($0)", [UInt8](repeating: UInt8($0), count: 100_000))
    }
    let wins = await withTaskGroup(of: Int.self) { group in
      for file in files {
        group.addTask { (try? await store.put(name, from: file)) == nil ? 0 : 1 }
      }
      return await group.reduce(0, +)
    }
    #expect(wins == 1)
    let bytes = try await store.read(name, range: nil)
    #expect(bytes.count == 100_000 && Set(bytes).count == 1)
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == [name])
  }

  @Test func otherFilesInTheDirectoryAreNotObjects() async throws {
    for name in ["notes.txt", "x.mseg", newName() + ".bak"] {
      try Data([1]).write(to: URL(filePath: directory + "/" + name))
    }
    #expect(try await store.list().isEmpty)
    #expect(try await store.sweep() == 0)
  }

  @Test func aDirectoryBelongsToTheFirstThatNamesItself() async throws {
    let own = try FileSegmentStore(directory: directory, owner: "a1")
    let name = newName()
    try await own.put(name, from: scratch.file("object", [1]))
    for _ in 0..<2 {
      let error = try #require(throws: SegmentStoreError.self) {
        try FileSegmentStore(directory: directory, owner: "b2")
      }
      #expect(error.code == .refused && error.description.contains("another muniment home"))
    }
    let again = try FileSegmentStore(directory: directory, owner: "a1")
    #expect(try await again.list() == [name])
    #expect(try await again.sweep() == 0)
    #expect(try FileSegmentStore.unclaimed(in: directory).isEmpty)
  }

  @Test func ofManyThatComeAtOnceOneGetsTheDirectory() async throws {
    let directory = directory
    let wins = await withTaskGroup(of: Int.self) { group in
      for number in 0..<8 {
        group.addTask { (try? FileSegmentStore(directory: directory, owner: "home\(number)")) == nil ? 0 : 1 }
      }
      return await group.reduce(0, +)
    }
    #expect(wins == 1)
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["owner"])
  }

  @Test func objectsOfADirectoryWithoutAnOwnerAreNamed() async throws {
    let name = newName()
    try await store.put(name, from: scratch.file("object", [1]))
    #expect(try FileSegmentStore.unclaimed(in: directory) == [name])
    #expect(try FileSegmentStore.unclaimed(in: scratch.path + "/nowhere").isEmpty)
  }

  @Test func leftoversHaveSizeAndAge() async throws {
    let name = newName()
    try await store.put(name, from: scratch.file("object", [1, 2, 3]))
    try Data([9]).write(to: URL(filePath: directory + "/" + name + ".7.part"))
    let found = try #require(try await store.leftover(name))
    #expect(found.bytes == 3 && found.modifiedAt != nil)
    #expect(try await store.leftovers().map(\.name) == [name + ".7.part"])
    #expect(try await store.leftover(newName()) == nil)
  }
}
