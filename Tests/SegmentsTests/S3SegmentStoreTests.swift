import Curl
import Foundation
import Model
import Sodium
import Synchronization
import TestSupport
import Testing

@testable import Segments

/// Against a real server that checks signatures and hashes and enforces locks.
@Suite(.enabled(if: TestObjectStore.isInstalled, "radosgw is not installed: the S3 store is NOT tested"))
struct S3SegmentStoreTests {
  private let scratch: Scratch
  private let server: TestObjectStore
  private let prefix = UUID().uuidString.lowercased()

  init() async throws {
    scratch = try Scratch()
    server = try await TestObjectStore.started()
  }

  private static let clock: @Sendable () -> Timestamp = {
    Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
  }

  private func store(
    _ bucket: String = TestObjectStore.plainBucket, secret: String = TestObjectStore.secretAccessKey,
    endpoint: String? = nil, prefix: String? = nil, owner: String = "me",
    _ change: (inout S3SegmentStore.Options) -> Void = { _ in }
  ) throws -> S3SegmentStore {
    var options = S3SegmentStore.Options(owner: owner)
    options.patience.firstPauseSeconds = 0.01
    options.patience.pauseSecondsMax = 0.05
    change(&options)
    let location = try #require(
      S3Location(
        bucket: bucket, prefix: prefix ?? self.prefix, region: "us-east-1",
        endpoint: endpoint ?? server.endpoint))
    return S3SegmentStore(
      location,
      S3Credentials(
        accessKeyID: TestObjectStore.accessKeyID, secretAccessKey: SecretBytes(Array(secret.utf8))), options,
      clock: Self.clock)
  }

  private func faulty(_ script: [FaultyServer.Fault]) throws -> FaultyServer {
    let port = try #require(UInt16(server.endpoint.split(separator: ":").last ?? ""))
    return try FaultyServer(target: port, script)
  }

  private func store(
    through faulty: FaultyServer, _ change: (inout S3SegmentStore.Options) -> Void = { _ in }
  ) throws -> S3SegmentStore {
    try store(endpoint: "http://127.0.0.1:\(faulty.port)", change)
  }

  @Test func itIsAStore() async throws { try await expectConformance(of: store(), scratch) }

  @Test func aStoreThatKeepsVersionsIsAStoreToo() async throws {
    try await expectConformance(of: store(TestObjectStore.lockedBucket), scratch)
  }

  @Test func whatTheServerCanDoIsFoundOut() async throws {
    let plain = try await store().report()
    #expect(
      plain == SegmentStoreReport(kind: "s3", refusesOverwriting: true, keepsVersions: false, canLock: false))
    // This server ignores If-None-Match where it keeps versions; that is found out, said, and stays known.
    for _ in 0..<3 {
      let locked = try await store(TestObjectStore.lockedBucket).report()
      #expect(locked.canLock && locked.keepsVersions && !locked.refusesOverwriting)
      #expect(locked.problems.count == 1)
    }
    #expect(try await versions(prefix).count == 2)
    await expect(.unsupported) {
      _ = try await store { $0.lock = (.governance, 60) }.report()
    }
  }

  @Test func prefixesKeepStoresOfOneBucketApart() async throws {
    let (one, other) = try (store(prefix: prefix + "/a"), store(prefix: prefix + "/ab"))
    let name = newName()
    try await one.put(name, from: scratch.file("object", [1]))
    #expect(try await other.list().isEmpty)
    await expect(.missing) { _ = try await other.size(name) }
    try await other.put(name, from: scratch.file("other", [2]))
    #expect(try await one.read(name, range: nil) == [1])
  }

  @Test func whatBelongsToAnotherHomeIsNotTouched() async throws {
    let (mine, other) = try (store(), store(owner: "another"))
    let name = newName()
    try await mine.put(name, from: scratch.file("object", [1]))
    await expect(.refused) { _ = try await other.report() }
    await expect(.refused) { _ = try await other.list() }
    await expect(.refused) { try await other.delete(name) }
    await expect(.refused) { try await other.put(newName(), from: scratch.file("object", [2])) }
    #expect(try await mine.list() == [name])
    #expect(try await store().list() == [name])
  }

  @Test func aListGoesOnOverPages() async throws {
    let store = try store()
    let file = try scratch.file("object", [7])
    let names = (0..<1_005).map { _ in newName() }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for name in names { group.addTask { try await store.put(name, from: file) } }
      try await group.waitForAll()
    }
    #expect(try await store.list() == names.sorted())
  }

  @Test func ofManyWritersOfOneObjectExactlyOneWins() async throws {
    let store = try store()
    let name = newName()
    let files = try (0..<12).map {
      try scratch.file("object\($0)", [UInt8](repeating: UInt8($0), count: 100_000))
    }
    let wins = await withTaskGroup(of: Int.self) { group in
      for file in files { group.addTask { (try? await store.put(name, from: file)) == nil ? 0 : 1 } }
      return await group.reduce(0, +)
    }
    #expect(wins == 1)
    #expect(try await Set(store.read(name, range: nil)).count == 1)
  }

  @Test func whoMayNotIsToldSo() async throws {
    let wrong = try store(secret: "not-the-secret")
    await expect(.refused) { _ = try await wrong.list() }
    await expect(.refused) { try await wrong.put(newName(), from: scratch.file("object", [1])) }
    await expect(.refused) { _ = try await store("there-is-no-such-bucket").list() }
  }

  @Test func aLockedObjectIsNeitherDeletedNorUnlocked() async throws {
    let store = try store(TestObjectStore.lockedBucket) { $0.lock = (.compliance, 3_600) }
    let name = newName()
    try await store.put(name, from: scratch.file("object", [1, 2]))
    let lock = try await store.lock(of: name)
    let until = try #require(lock.until)
    #expect(lock.mode == .compliance && until > Self.clock() && !lock.legalHold)
    await expect(.locked) { try await store.delete(name) }
    #expect(try await store.list() == [name])
    #expect(try await store.read(name, range: nil) == [1, 2])
    await expect(.locked) { try await store.lock(name, .compliance, until: until.adding(seconds: -60)) }
    try await store.lock(name, .compliance, until: until.adding(seconds: 60))
    #expect(try await store.lock(of: name).until == until.adding(seconds: 60))
  }

  @Test func aLockEndsAtItsTime() async throws {
    let store = try store(TestObjectStore.lockedBucket) { $0.lock = (.compliance, 3) }
    let name = newName()
    try await store.put(name, from: scratch.file("object", [1]))
    let until = try #require(try await store.lock(of: name).until)
    // The lock's end is the point: nothing can be waited on instead of the time.
    while (try? await store.delete(name)) == nil { try await Task.sleep(for: .milliseconds(200)) }
    #expect(Self.clock() >= until)
    #expect(try await store.list().isEmpty)
    await expect(.missing) { _ = try await store.size(name) }
  }

  @Test func aLegalHoldKeepsAnObjectUntilItIsLifted() async throws {
    let store = try store(TestObjectStore.lockedBucket)
    let name = newName()
    try await store.put(name, from: scratch.file("object", [1]))
    try await store.setLegalHold(true, on: name)
    #expect(try await store.lock(of: name) == SegmentLock(legalHold: true))
    await expect(.locked) { try await store.delete(name) }
    try await store.setLegalHold(false, on: name)
    try await store.delete(name)
    #expect(try await store.list().isEmpty)
  }

  @Test func deletingLeavesNoVersionBehind() async throws {
    let store = try store(TestObjectStore.lockedBucket)
    let name = newName()
    for byte in 1...3 as ClosedRange<UInt8> {
      try await store.put(name, from: scratch.file("object", [byte]))
      try await store.delete(name)
    }
    #expect(try await versions(prefix + "/" + name).isEmpty)
  }

  /// What the locked bucket still has, deleted or not.
  private func versions(_ prefix: String) async throws -> [[String: String]] {
    var request = S3Request("GET", object: "versions", verb: "read")
    request.query = [("versions", ""), ("prefix", prefix)]
    let answer = try await store(TestObjectStore.lockedBucket).client.send(request)
    return try #require(S3Reply(answer.body, items: ["Version", "DeleteMarker"])).items
  }

  @Test(
    "a put outlasts what passes",
    arguments: [
      [.answers(status: 500), .answers(status: 503, body: "<Error><Code>SlowDown</Code></Error>"), .none],
      [.closes, .closes, .none], [.cutsRequest(after: 40_000), .none], [.cutsRequest(after: 100), .none],
      [.answers(status: 409), .answers(status: 429), .none], [.hangs, .none],
      [.slow(bytes: 20_000, milliseconds: 10)],
    ] as [[FaultyServer.Fault]])
  func putsGoOn(_ script: [FaultyServer.Fault]) async throws {
    let faulty = try faulty(script)
    let store = try store(through: faulty) { $0.timeouts.stallSeconds = 2 }
    let name = newName()
    let bytes = Randomness.bytes(300_000)
    try await store.put(name, from: scratch.file("object", bytes))
    #expect(try await store.read(name, range: nil) == bytes)
    #expect(faulty.connections >= script.count)
  }

  @Test func aPutWhoseAnswerWasLostIsNotTakenForSomebodyElses() async throws {
    let direct = try store()
    _ = try await direct.report()
    for written in [0, 20] {
      let name = newName()
      let bytes = Randomness.bytes(50_000)
      // Three requests find out what the server can do, on one connection each as every answer closes it.
      let faulty = try faulty([.none, .cutsReply(after: written), .none])
      let store = try store(through: faulty)
      _ = try await store.report()
      try await store.put(name, from: scratch.file("object", bytes))
      #expect(try await direct.read(name, range: nil) == bytes)
      await expect(.exists) { try await store.put(name, from: scratch.file("object", [1])) }
    }
  }

  @Test func readsGoOnWhereAnAnswerIsCut() async throws {
    let direct = try store()
    let name = newName()
    let bytes = Randomness.bytes(200_000)
    try await direct.put(name, from: scratch.file("object", bytes))
    let faulty = try faulty([.cutsReply(after: 5_000), .cutsReply(after: 150), .none])
    let store = try store(through: faulty)
    #expect(try await store.read(name, range: 10..<150_010) == Array(bytes[10..<150_010]))
    #expect(faulty.connections == 3)
  }

  @Test func aServerThatHangsIsGivenUp() async throws {
    let faulty = try faulty([.hangs])
    let store = try store(through: faulty) {
      $0.patience.attempts = 2
      $0.timeouts.stallSeconds = 1
    }
    await expect(.io) { _ = try await store.list() }
    #expect(faulty.connections == 2)
  }

  @Test func aSlowServerIsWaitedFor() async throws {
    let direct = try store()
    let name = newName()
    let bytes = Randomness.bytes(60_000)
    try await direct.put(name, from: scratch.file("object", bytes))
    let faulty = try faulty([.slow(bytes: 1_000, milliseconds: 100)])
    let store = try store(through: faulty) {
      $0.timeouts.stallSeconds = 5
      $0.patience.attempts = 1
    }
    // Longer than the patience with silence, and never silent for so long.
    #expect(try await store.read(name, range: 0..<60_000) == bytes)
  }

  @Test func aLeftoverTellsItsAge() async throws {
    let store = try store()
    let name = newName()
    let before = Self.clock()
    try await store.put(name, from: scratch.file("object", [1, 2, 3]))
    let found = try #require(try await store.leftover(name))
    let at = try #require(found.modifiedAt)
    #expect(found.name == name && found.bytes == 3)
    #expect(before.adding(seconds: -2) <= at && at <= Self.clock().adding(seconds: 2))
    #expect(try await store.leftover(newName()) == nil)
  }

  @Test func datesOfHTTPAreRead() {
    #expect(
      S3SegmentStore.time("Sun, 06 Nov 1994 08:49:37 GMT")
        == Timestamp(civil: 1994, 11, 6).adding(seconds: 31_777))
    for text in [
      "", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 06 Nov 1994 08:49 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
    ] {
      #expect(S3SegmentStore.time(text) == nil, "\(text)")
    }
  }

  @Test func aServerThatIsNotThereIsGivenUp() async throws {
    let store = try store(endpoint: "http://127.0.0.1:1") { $0.patience.attempts = 3 }
    await expect(.io) { _ = try await store.list() }
    await expect(.io) { try await store.put(newName(), from: scratch.file("object", [1])) }
  }

  @Test func aStoreThatDoesNotAnswerSaysNothingOfASegment() async throws {
    let away = try store(endpoint: "http://127.0.0.1:1") { $0.patience.attempts = 1 }
    let wrong = try store(secret: "not-the-secret")
    let segment = try StoredSegment()
    for (store, code) in [(away, SegmentStoreError.Code.io), (wrong, .refused)] {
      await expect(code) {
        _ = try await SegmentVerifier(store: store).structure(segment.expected, keys: segment.keys)
      }
    }
  }

  @Test func anEndlessListOfFailuresEnds() async throws {
    let faulty = try faulty([.answers(status: 503)])
    let store = try store(through: faulty) { $0.patience.attempts = 4 }
    await expect(.io) { _ = try await store.read(newName(), range: 0..<10) }
    #expect(faulty.connections == 4)
  }

  @Test(
    "answers that make no sense are errors",
    arguments: [
      "", "not XML", "<a>", "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><ListBucketResult>&e;",
    ])
  func nonsense(_ body: String) async throws {
    let faulty = try faulty([.answers(status: 200, body: body)])
    let store = try store(through: faulty)
    await expect(.refused) { _ = try await store.report() }
    store.known.withLock {
      $0 = SegmentStoreReport(kind: "s3", refusesOverwriting: true, keepsVersions: true, canLock: false)
    }
    await expect(.unsupported) { try await store.delete(newName()) }
    await expect(.unsupported) { _ = try await store.list() }
    await expect(.unsupported) { _ = try await store.read(newName(), range: 0..<10) }
    #expect(faulty.connections == 4)
  }
}
