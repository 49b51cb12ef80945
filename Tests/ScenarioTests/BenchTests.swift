import Foundation
import Testing

extension Scenarios {
  @Suite struct BenchTests {
    private static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Compatibility/bench_peers.py").path

    private static let archivePeers = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Compatibility/bench_archive_peers.py").path

    @Test(
      "the archive is measured beside what reads back the same lines; bodies sealed by clients, against their ciphertext",
      arguments: [[], ["--sealed"]])
    func archive(words: [String]) throws {
      let scratch = try Scratch.make("bench")
      defer { try? FileManager.default.removeItem(atPath: scratch) }
      let peers = ["--peers-script", Self.archivePeers, "--skip", "borg", "restic", "pyarrow"]
      let outcome = try Run(
        ["bench", "archive", "--json", "--messages", "600", "--pages", "5", "--no-whole-file"] + words
          + peers,
        home: scratch
      ).finish()
      try #require(outcome.status == 0, "\(outcome.failure)")
      let report = try outcome.object
      let found = report["peers"]?.elements ?? []
      #expect(found.count == 5)
      #expect(found.filter { $0["skipped"]?.text == "asked to by --skip" }.count == 3)
      // age and zstd are installed wherever tests run.
      let file = try #require(found.first)
      for figure in [
        "bytes_per_message", "written_messages_per_second", "read_messages_per_second", "erase_seconds",
      ] { #expect((file[figure]?.real ?? 0) > 0, "\(figure)") }
      let details = try #require(report["details"])
      func detail(_ name: String) -> Double { details[name]?.real ?? -1 }
      #expect(detail("tokens_bytes_per_message") > 0)
      #expect(detail("without_tokens_bytes_per_message") < detail("bytes_per_message"))
      let bound = detail("sealed_bodies_bytes_per_message") + detail("metadata_zstd_19_bytes_per_message")
      if words.isEmpty {
        #expect(bound == -2)
      } else {
        let ratio = detail("without_tokens_bytes_per_message") / bound
        #expect(abs(ratio - detail("without_tokens_over_bound")) < 0.01 && ratio < 1.5, "\(ratio)")
      }
    }

    private func bench(_ words: [String], home: String) throws -> Outcome {
      try Run(
        ["bench", "search", "--json", "--queries", "10", "--seconds", "1", "--readers", "4"]
          + ["--peers-script", Self.script] + words, home: home
      ).finish()
    }

    // The command itself fails when a contestant answers something else than the product.
    @Test(
      "contestants over the same documents answer the same, and none of the searches under load fails",
      arguments: [[], ["--blinded"]])
    func contestantsAgree(words: [String]) throws {
      let scratch = try Scratch.make("bench")
      defer { try? FileManager.default.removeItem(atPath: scratch) }
      let outcome = try bench(
        ["--library", "--messages", "3000", "--skip", "tantivy"] + words, home: scratch)
      try #require(outcome.status == 0, "\(outcome.failure)")
      let report = try outcome.object
      let kinds = words.isEmpty ? 6 : 4
      let answering = Set((report["cases"]?.elements ?? []).compactMap { $0["contestant"]?.text })
      #expect(answering.count >= 4, "\(answering)")
      #expect(report["cases"]?.elements.count == answering.count * kinds * 3)
      let conditions = report["conditions"]?.elements ?? []
      #expect(conditions.count == 7)
      for condition in conditions { #expect(condition["failed"]?.number == 0, "\(condition)") }
      let skipped = report["contestants"]?.elements.filter { $0["skipped"] != nil }.compactMap {
        $0["name"]?.text
      }
      #expect(skipped == ["tantivy"])
    }

    @Test("members get over HTTP and by calls what the peers find")
    func serviceAgrees() throws {
      let corpus = Corpus(messages: 400)
      let source = try corpus.write()
      let scratch = try Scratch.make("bench")
      defer { for path in [source, scratch] { try? FileManager.default.removeItem(atPath: path) } }
      let outcome = try bench([source, "--messages", "400", "--skip", "tantivy", "load"], home: scratch)
      try #require(outcome.status == 0, "\(outcome.failure)")
      let answering = Set((try outcome.object["cases"]?.elements ?? []).compactMap { $0["contestant"]?.text })
      #expect(
        answering.isSuperset(of: ["muniment, calls", "muniment, HTTP", "PostgreSQL GIN"]), "\(answering)")
    }

    @Test("what cannot be measured is refused before anything is made")
    func refusals() throws {
      let scratch = try Scratch.make("bench")
      defer { try? FileManager.default.removeItem(atPath: scratch) }
      for words in [["--blinded"], ["--skip", "oracle"], ["--groups", "0"], ["--messages", "10"]] {
        #expect(try bench(words, home: scratch).status == 64, "\(words)")
      }
      for words in [["--sealed", "--no-tokens"], ["--skip", "sqlite"]] {
        #expect(try Run(["bench", "archive"] + words, home: scratch).finish().status == 64, "\(words)")
      }
    }
  }
}
