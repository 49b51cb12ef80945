import Catalog
import Foundation
import Model
import Testing

@testable import Exporting
@testable import History

/// Each format against frozen files of one conversation with everything in it, and against text that broke
/// somebody's exporter once.
@Suite final class FormatTests {
  private let directory = Sample.temporaryDirectory()
  deinit { try? FileManager.default.removeItem(atPath: directory) }

  /// Writes a conversation in a format and returns the draft's folder.
  private func write(_ format: ExportFormat, _ messages: [ExportedMessage], in folder: String = "package")
    async throws -> String
  {
    let draft = try PackageDraft(destination: directory + "/" + folder, export: 42)
    var context = FormatContext(
      draft: draft, tenant: "Example Ltd", exportID: ExportID.text(42), from: nil, to: nil,
      madeAt: Sample.start.adding(seconds: 86_400))
    context.person = (Sample.member.row.subject, Sample.member.profile)
    for writer in try await context.writers([format]) {
      try await writer.begin(Sample.card)
      try await writer.add([Sample.member])
      for message in messages { try await writer.add(message) }
      try await writer.end()
      try await writer.finish()
    }
    #expect(draft.log.files.allSatisfy { !$0.path.contains("..") && !$0.path.hasPrefix("/") })
    return draft.temporary
  }

  private static let golden = URL(filePath: #filePath).deletingLastPathComponent().path + "/Golden"

  /// `MUNIMENT_GOLDEN=write swift test` freezes them anew; look at the difference before committing it.
  @Test(arguments: [ExportFormat.csv, .eml, .mbox, .dat, .actiance, .globalrelay])
  func frozenFilesStayAsTheyAre(format: ExportFormat) async throws {
    let root = try await write(format, Sample.conversation)
    let files = try FileManager.default.subpathsOfDirectory(atPath: root).filter {
      Paths.isRegularFile(root + "/" + $0) && !$0.hasSuffix(".tif")
    }.sorted()
    #expect(!files.isEmpty)
    let folder = Self.golden + "/" + format.rawValue
    if ProcessInfo.processInfo.environment["MUNIMENT_GOLDEN"] == "write" {
      try? FileManager.default.removeItem(atPath: folder)
      for file in files {
        let path = folder + "/" + Self.flat(file)
        try Paths.makeDirectory(Paths.parent(of: path))
        try FileManager.default.copyItem(atPath: root + "/" + file, toPath: path)
      }
    }
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == files.map(Self.flat).sorted())
    for file in files {
      let made = try Data(contentsOf: URL(filePath: root + "/" + file))
      let frozen = try Data(contentsOf: URL(filePath: folder + "/" + Self.flat(file)))
      #expect(made == frozen, "\(file) differs: \(String(decoding: made.prefix(2_000), as: UTF8.self))")
    }
  }

  private static func flat(_ path: String) -> String { path.replacing("/", with: "__") }

  @Test(arguments: ExportFormat.allCases)
  func everyFormatTakesHostileText(format: ExportFormat) async throws {
    let messages = hostileStrings.enumerated().map { index, text in
      Sample.message(
        Int64(index), body: .plain(text), at: Sample.start.adding(seconds: Int64(index)), full: true)
    }
    let root = try await write(format, messages)
    let paths = try FileManager.default.subpathsOfDirectory(atPath: root)
    #expect(!paths.isEmpty)
    for path in paths {
      #expect(!path.split(separator: "/").contains("..") && path.utf8.count < 200)
      #expect(!path.unicodeScalars.contains { $0.properties.generalCategory == .format || $0.value < 0x20 })
    }
  }

  @Test(arguments: ExportFormat.allCases)
  func sealedBodiesGoOutAsCiphertextWithTheirKeys(format: ExportFormat) async throws {
    let sealed = SealedBody(
      ciphertext: Array("CIPHERTEXT of a message".utf8), keyID: "key-77", wrappedKeys: ["phone": [1, 2, 3]])
    let root = try await write(format, [Sample.message(1, body: .sealed(sealed))])
    let text = try allText(root, format)
    #expect(text.contains("key-77"), "\(format)")
    guard format != .html else { return }
    #expect(text.contains("Q0lQSEVSVEVYVCBvZiBhIG1lc3NhZ2U="), "\(format)")
  }

  /// Of all files; what is inside of a ZIP file is looked for inside.
  private func allText(_ root: String, _ format: ExportFormat) throws -> String {
    if format == .slack { return try SampleZip.text(root + "/slack.zip") }
    var text = ""
    for path in try FileManager.default.subpathsOfDirectory(atPath: root)
    where Paths.isRegularFile(root + "/" + path) {
      let bytes = try Data(contentsOf: URL(filePath: root + "/" + path))
      guard format == .rsmf else {
        text += String(decoding: bytes, as: UTF8.self)
        continue
      }
      // The attachment is the last part of the mail.
      let zip = try #require(SampleZip.attachment(String(decoding: bytes, as: UTF8.self)))
      let file = directory + "/rsmf.zip"
      try zip.write(to: URL(filePath: file))
      text += try SampleZip.text(file, inBase64: true)
    }
    return text
  }

  @Test("earlier versions of sealed bodies are in a Slack export too")
  func sealedVersions() async throws {
    let bodies = ["FIRST", "SECOND"].map {
      MessageBody.sealed(SealedBody(ciphertext: Array($0.utf8), keyID: "key-77", wrappedKeys: [:]))
    }
    let edit = Sample.change(.edit, at: Sample.start.adding(seconds: 9), body: bodies[1])
    let text = try allText(
      try await write(.slack, [Sample.message(1, body: bodies[0], changes: [edit])]), .slack)
    for word in ["FIRST", "SECOND"] {
      #expect(text.contains(Data(word.utf8).base64EncodedString()), "\(word)")
    }
  }

  @Test("everybody who was in a group on a day is a participant of its slice, whenever they came and went")
  func participants() throws {
    let card = ConversationCard(
      conversation: ConversationID(rawValue: 7), route: RouteKey(rawValue: 3),
      profile: ConversationProfile(id: "g", name: nil), kind: .group, isPublic: false, clientSealed: false,
      retentionDays: nil, closedAt: nil)
    let day = DaySlice.day(of: Sample.start)
    let opened = DaySlice(day: day).start.adding(seconds: 9 * 3_600)
    func member(_ id: String, _ joined: Timestamp, _ left: Timestamp? = nil) -> ExportedMember {
      ExportedMember(
        row: MembershipRow(
          subject: SubjectID(rawValue: 1), joinedAt: joined, visibleFrom: joined, leftAt: left, role: nil),
        profile: SubjectProfile(id: id))
    }
    var attendance = Attendance()
    attendance.add([
      member("ann", opened), member("ben", opened), member("cyd", opened, opened.adding(seconds: 60)),
      member("before", opened.adding(seconds: -200_000), opened.adding(seconds: -100_000)),
      member("after", opened.adding(seconds: 100_000)),
    ])
    var slice = DaySlice(day: day)
    slice.append(Sample.message(1, body: .plain("x")))
    let manifest = RSMFManifest(card: card, attendance: attendance, slice: slice, exportID: "export-1")
    #expect(manifest.participants.map(\.id) == ["ann", "ben", "cyd"] && !manifest.isCrowded)
  }

  @Test(arguments: [
    ("=1+1", true), ("+1", true), ("-1", true), ("@SUM(A1)", true), ("\t=1", true), ("\r=1", true),
    ("\n=1", true), ("  =1", true), ("\u{FF1D}1", true), ("\u{FEFF}=1", true), ("a=1", false), ("", false),
    ("1-1", false),
  ])
  func formulasAreKnown(text: String, isFormula: Bool) {
    #expect(CSVRow.looksLikeFormula(text) == isFormula)
    var csv = CSVRow()
    csv.row([text])
    let cell = String(decoding: csv.bytes, as: UTF8.self).drop { $0 == "\"" }
    #expect(cell.hasPrefix("'") == isFormula)
  }

  @Test func cellsAreQuoted() {
    var csv = CSVRow()
    csv.row(["plain", "a,b", "say \"x\"", "two\r\nlines", "nul\u{0}", nil])
    #expect(
      String(decoding: csv.bytes, as: UTF8.self)
        == "plain,\"a,b\",\"say \"\"x\"\"\",\"two\r\nlines\",\"nul\u{2400}\",\r\n")
  }

  @Test func loadFilesHoldNoMarksOfPeoples() {
    var rows = LoadFile()
    rows.row(["\u{FE}a\u{AE}\u{14}b", "x\r\ny\nz"])
    #expect(
      String(decoding: rows.bytes, as: UTF8.self)
        == "\u{FE}tha(R)\u{2414}b\u{FE}\u{14}\u{FE}x\u{AE}y\u{AE}z\u{FE}\r\n")
  }

  @Test func mailLinesAreShortAndASCII() {
    for text in hostileStrings + [
      "From me", "\nFrom you", ".", "a\r\n.\r\nb", String(repeating: "x", count: 200),
    ] {
      var mail = MailText()
      mail.header("Subject", text: text)
      mail.text(text)
      let lines = String(decoding: mail.bytes, as: UTF8.self).components(separatedBy: "\r\n")
      #expect(mail.bytes.allSatisfy { $0 < 0x7F && ($0 >= 0x20 || [0x09, 0x0A, 0x0D].contains($0)) })
      #expect(lines.allSatisfy { $0.utf8.count <= 998 && !$0.hasPrefix("From ") && $0 != "." })
    }
  }

  @Test func encodedWordsAreShortAndSplitNoCharacter() throws {
    let text = String(repeating: "日本👩‍👩‍👧", count: 40)
    let words = MailText.encodedWords(text)
    #expect(words.allSatisfy { $0.utf8.count <= 75 })
    let back = try words.map {
      let base64 = String($0.dropFirst("=?UTF-8?B?".count).dropLast(2))
      let bytes = try #require(Data(base64Encoded: base64))
      return try #require(String(data: bytes, encoding: .utf8))
    }
    #expect(back.joined() == text)
  }

  @Test func mailDatesAreTheCalendars() {
    let cases = [
      ("1996-01-03T01:05:34Z", "Wed, 03 Jan 1996 01:05:34 +0000", "Wed Jan  3 01:05:34 1996"),
      ("2026-11-26T13:00:00.5Z", "Thu, 26 Nov 2026 13:00:00 +0000", "Thu Nov 26 13:00:00 2026"),
      ("1969-12-31T23:59:59Z", "Wed, 31 Dec 1969 23:59:59 +0000", "Wed Dec 31 23:59:59 1969"),
    ]
    for (time, mail, asctime) in cases {
      #expect(Timestamp(rfc3339: time)?.mailDate == mail)
      #expect(Timestamp(rfc3339: time)?.asctime == asctime)
    }
  }

  @Test func idsBecomeDifferentAtoms() {
    let ids = hostileStrings + ["a.b", "a=2eb", "a b"]
    let atoms = ids.map(MailAddress.atoms)
    #expect(Set(atoms).count == Set(ids).count)
    #expect(atoms.allSatisfy { $0.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } && $0.utf8.count < 700 })
  }

  @Test func slicesEndWithTheDayAndWithTheirBound() {
    var slicer = DaySlicer()
    var slices: [DaySlice] = []
    for index in 0..<(DaySlice.messagesMax + 1) {
      if let slice = slicer.add(Sample.message(Int64(index), body: .plain("x"))) { slices.append(slice) }
    }
    let next = Sample.message(9, body: .plain("x"), at: Sample.start.adding(seconds: 1))
    if let slice = slicer.add(next) { slices.append(slice) }
    if let slice = slicer.end() { slices.append(slice) }
    #expect(slices.map(\.messages.count) == [DaySlice.messagesMax, 1, 1])
    #expect(slices.map(\.name) == ["2026-01-31", "2026-01-31-2", "2026-02-01"])
    #expect(slicer.end() == nil)
  }
}
