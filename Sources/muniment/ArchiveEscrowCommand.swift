import ArgumentParser
import Exporting
import Foundation
import Glibc
import Runtime
import Tiering

extension ArchiveCommand {
  struct ExportKeys: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "export-keys",
      abstract: "Write what opens the archive without the database into a file for somebody else to keep.",
      discussion: """
        The file is encrypted to the recipients and opens everything that can be read now, also after an erasure: \
        keep it no longer than backups of the keystore, and make a new one then.
        """)
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions
    @OptionGroup var actor: ActorOptions
    @Option(help: "Encrypt to this age recipient, age1…; repeatable.")
    var recipient: [String]
    @Option(help: "The file to make; one that is there is not replaced.")
    var output: String
    @Option(help: "Why; it goes into the audit log and the file.")
    var reason: String

    private struct Report: Encodable {
      let path: String
      let segments: Int
      let periods: Int
      let conversations: Int
      let people: Int
      let dictionaries: Int
    }

    func validate() throws {
      guard !reason.allSatisfy(\.isWhitespace) else { throw ValidationError("--reason must say why") }
      guard !recipient.isEmpty else { throw ValidationError("--recipient must name somebody") }
      for text in recipient {
        do { _ = try AgeRecipient(text) } catch { throw ValidationError("\(error)") }
      }
    }

    func run() async throws {
      let recipients = try recipient.map { try AgeRecipient($0) }
      let done = try await Application.with(try common.settings()) { application in
        let archiver = application.archiver(try await application.tenant(tenancy.tenant))
        let file = try EscrowFile(output)
        try await archiver.recordEscrow(reason: reason, recipients: recipient, actor: actor.name)
        var encryption = try AgeEncryption(to: recipients)
        let done = try await archiver.escrow(reason: reason) { try file.write(encryption.encrypt($0)) }
        try file.write(encryption.finish())
        try file.publish()
        return done
      }
      try common.output.value(
        Report(
          path: output, segments: done.segments, periods: done.periods, conversations: done.conversations,
          people: done.people, dictionaries: done.dictionaries),
        text:
          "keys of \(done.periods) months, \(done.conversations) conversations and \(done.people) people, for "
          + "\(done.segments) segments, are in \(output); see Schemas/formats/escrow-v1.md for how to open them"
      )
    }
  }
}

/// Appears under its name whole and synced, or not at all.
private final class EscrowFile {
  private let path: String
  private let draft: String
  private let file: FileHandle

  init(_ path: String) throws {
    self.path = path
    draft = path + "." + UUID().uuidString + ".part"
    guard !FileManager.default.fileExists(atPath: path) else {
      throw ValidationError("\(path) is there already; it is not replaced")
    }
    let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else {
      throw ValidationError("\(path) cannot be written: \(String(cString: strerror(errno)))")
    }
    file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
  }

  func write(_ bytes: [UInt8]) throws { try file.write(contentsOf: bytes) }

  func publish() throws {
    try file.synchronize()
    guard link(draft, path) == 0 else {
      throw ValidationError("\(path) cannot be written: \(String(cString: strerror(errno)))")
    }
    let directory = open(URL(fileURLWithPath: path).deletingLastPathComponent().path, O_RDONLY | O_DIRECTORY)
    if directory >= 0 {
      fsync(directory)
      close(directory)
    }
  }

  deinit { unlink(draft) }
}
