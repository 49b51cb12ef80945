import Foundation
import TestSupport
import Testing

extension Scenarios {
  /// The whole program with its archive in an S3 bucket.
  @Suite(.enabled(if: TestObjectStore.isInstalled, "radosgw is not installed: the S3 store is NOT tested"))
  struct ObjectStoreTests {
    private func home(_ bucket: String, _ more: String = "", secret: String = TestObjectStore.secretAccessKey)
      async throws -> Home
    {
      let server = try await TestObjectStore.started()
      return try Home(
        settings: """
          object_store: s3://\(bucket)/\(UUID().uuidString)/deep
          s3:
            endpoint: \(server.endpoint)
            access_key_id: \(TestObjectStore.accessKeyID)
            secret_access_key: \(secret)
          \(more)
          """)
    }

    private func filled(_ home: Home, messages: Int) throws -> Corpus {
      let corpus = Corpus(messages: messages)
      let source = try corpus.write()
      defer { try? FileManager.default.removeItem(atPath: source) }
      try home.done(["ingest", source])
      return corpus
    }

    @Test("history is the same from a bucket, through kills, compaction and erasure")
    func bucket() async throws {
      let home = try await home(TestObjectStore.plainBucket)
      let corpus = try filled(home, messages: 400)
      let before = try home.histories(of: corpus)
      var random = SeededGenerator("archive into a bucket killed")
      try home.torment(["archive", "run", "--older-than", "0d"], kills: Program.isSlow ? 20 : 2, &random)
      #expect(try home.count("SELECT count(*) FROM message") == 0)
      #expect(try home.files(in: "segments").isEmpty)
      #expect(try home.histories(of: corpus) == before)
      try home.done(["archive", "verify", "--deep"])
      try home.done(["archive", "compact"])
      #expect(try home.histories(of: corpus) == before)

      let subject = corpus.prolific
      let id = try home.done(["erase", "request", "--subject", subject, "--reason", "Art. 17"]).object["id"]?
        .text
      let erasure = try #require(id)
      try home.done(["erase", "plan", erasure])
      try home.done(["erase", "approve", erasure, "--by", "dpo"])
      try home.done(["erase", "run", erasure])
      try home.done(["erase", "certificate", erasure])
      try home.done(["archive", "compact"])
      try home.done(["archive", "verify", "--deep"])
      let after = try home.histories(of: corpus, except: subject)
      #expect(after.values.joined().allSatisfy { $0["sender_id"]?.text != subject })
      #expect(after.values.joined().count < before.values.joined().count)
    }

    @Test("what is locked stays, and compaction goes on without it")
    func locked() async throws {
      let home = try await home(TestObjectStore.lockedBucket, "  lock: governance:1d")
      let corpus = try filled(home, messages: 60)
      let before = try home.histories(of: corpus)
      try home.done(["archive", "run", "--older-than", "0d"])
      let segment = try #require(try home.done(["archive", "list"]).lines.first?["id"]?.text)
      try home.done(["archive", "restore", segment])
      // Older than the time replaced segments are left to readers.
      _ = try home.count(
        "WITH u AS (UPDATE segment SET superseded_at = superseded_at - interval '1 hour' RETURNING 1) SELECT count(*) FROM u"
      )
      try home.done(["archive", "compact"])
      #expect(try home.count("SELECT count(*) FROM segment WHERE superseded_at IS NOT NULL") == 1)
      #expect(try home.histories(of: corpus) == before)
      try home.done(["archive", "verify", "--deep"])
    }

    @Test("a store that refuses or is not there is told of, and nothing is lost")
    func refusing() async throws {
      let home = try await home(TestObjectStore.plainBucket, secret: "wrong")
      let corpus = try filled(home, messages: 60)
      let before = try home.histories(of: corpus)
      let refused = try home.done(["archive", "run", "--older-than", "0d"], status: 1)
      #expect(try refused.object["error"]?["code"]?.text == "object_store_refused")
      let problems = try home.done(["status"]).object["problems"]?.elements ?? []
      #expect(problems.contains { $0["code"]?.text == "object_store_unavailable" })
      #expect(try home.histories(of: corpus) == before)
    }

    @Test("a store that does not let us in is not taken for damage")
    func lockedOut() async throws {
      let home = try await home(TestObjectStore.plainBucket)
      let corpus = try filled(home, messages: 60)
      try home.done(["archive", "run", "--older-than", "0d"])
      let settings = home.path + "/muniment.yaml"
      let right = try String(contentsOfFile: settings, encoding: .utf8)
      try right.replacing("secret_access_key: ", with: "secret_access_key: not-").write(
        toFile: settings, atomically: true, encoding: .utf8)
      for words in [["archive", "verify"], ["archive", "verify", "--deep"], ["index", "rebuild"]] {
        let refused = try home.done(words, status: 1)
        #expect(try refused.object["error"]?["code"]?.text == "object_store_refused", "\(words)")
      }
      try right.write(toFile: settings, atomically: true, encoding: .utf8)
      try home.done(["archive", "verify", "--deep"])
      #expect(try home.count("SELECT count(*) FROM index_quarantine") == 0)
      try home.expect(corpus)
    }

    private struct Trouble: CustomTestStringConvertible, Sendable {
      let fault: FaultyServer.Fault
      /// Whether the run comes through in spite of it.
      var isOutlasted = false
      var testDescription: String { "\(fault)" }

      /// What is tried for half a minute, or waited for, only where there is time.
      static let all: [Trouble] =
        [
          Trouble(fault: .slow(bytes: 8_000, milliseconds: 20), isOutlasted: true),
          Trouble(fault: .answers(status: 503)),
        ]
        + (Program.isSlow
          ? [
            Trouble(fault: .hangs), Trouble(fault: .closes), Trouble(fault: .answers(status: 500)),
            Trouble(fault: .answers(status: 409)), Trouble(fault: .answers(status: 412)),
            Trouble(fault: .cutsRequest(after: 200)), Trouble(fault: .cutsReply(after: 20)),
          ] : [])
    }

    @Test(
      "whatever the store does while a run archives, nothing is lost, and it is said", arguments: Trouble.all)
    private func troubled(_ trouble: Trouble) async throws {
      let home = try await home(TestObjectStore.plainBucket)
      let corpus = try filled(home, messages: 60)
      let before = try home.histories(of: corpus)
      let server = try await TestObjectStore.started()
      let port = try #require(UInt16(server.endpoint.split(separator: ":").last ?? ""))
      let faulty = try FaultyServer(target: port, [trouble.fault])
      let settings = home.path + "/muniment.yaml"
      let right = try String(contentsOfFile: settings, encoding: .utf8)
      try right.replacing(server.endpoint, with: "http://127.0.0.1:\(faulty.port)").write(
        toFile: settings, atomically: true, encoding: .utf8)
      let outcome = try home.run(["archive", "run", "--older-than", "0d"])
      if trouble.isOutlasted {
        #expect(outcome.status == 0, "\(outcome.failure)")
      } else {
        #expect(outcome.status == 75 || outcome.status == 1, "\(outcome.failure)")
        #expect(
          try outcome.object["error"]?["code"]?.text?.hasPrefix("object_store") == true, "\(outcome.failure)")
        #expect(try home.count("SELECT count(*) FROM message") == corpus.lines.count)
        #expect(try home.histories(of: corpus) == before)
      }
      try right.write(toFile: settings, atomically: true, encoding: .utf8)
      try home.done(["archive", "run", "--older-than", "0d"])
      #expect(try home.count("SELECT count(*) FROM message") == 0)
      #expect(try home.done(["archive", "list", "--orphans"]).lines.isEmpty)
      #expect(try home.histories(of: corpus) == before)
    }
  }
}
