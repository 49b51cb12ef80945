import Foundation
import Testing

@Suite("Job files")
struct JobFileTests {
  /// The raw values of `enum Job`, from its text.
  private func jobs() throws -> Set<String> {
    let file = try Repository.file("Sources/Runtime/Jobs.swift")
    let body = file.lines.drop { !$0.contains("enum Job: ") }.dropFirst().prefix { $0 != "}" }
    var names: Set<String> = []
    for line in body where line.hasPrefix("  case ") {
      for part in line.dropFirst("  case ".count).split(separator: ",") {
        let quoted = part.split(separator: "\"")
        names.insert(quoted.count > 1 ? String(quoted[1]) : part.trimmingCharacters(in: .whitespaces))
      }
    }
    return names
  }

  @Test("each job has its file, and each file its job")
  func filesAndJobsAgree() throws {
    let files = try Repository.names(in: "Jobs").filter { $0.hasSuffix(".json") }.map {
      String($0.dropLast(5))
    }
    #expect(Set(files) == (try jobs()))
  }

  @Test("a job's file says what it is for, when, and why it may run twice")
  func filesAreComplete() throws {
    for name in try jobs() {
      let file = try Repository.file("Jobs/\(name).json")
      let object = try #require(
        try JSONSerialization.jsonObject(with: Data(file.text.utf8)) as? [String: Any])
      #expect(object["kind"] as? String == name)
      for key in ["purpose", "schedule", "idempotent_because", "on_failure"] {
        #expect((object[key] as? String)?.isEmpty == false, "\(file) has no \(key)")
      }
      #expect(object["args_schema"] != nil, "\(file)")
    }
  }

  @Test(
    "ready-made schedules run the nightly job",
    arguments: ["systemd/muniment-nightly.service", "cron/muniment"])
  func schedulesRunNightly(path: String) throws {
    #expect(try Repository.file("Jobs/" + path).text.contains("muniment job run nightly"))
  }
}
