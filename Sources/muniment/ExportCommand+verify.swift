import ArgumentParser
import Exporting
import Foundation
import Runtime
import Sodium

extension ExportCommand {
  struct VerifyPackage: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "verify",
      abstract: "Check a package offline, with an overlay if there is one; exit 5 if it was changed.")
    @Argument(help: "The package's directory, ZIP file, or list of parts.")
    var path: String
    @Argument(help: "An overlay that was made for it.")
    var overlay: String?
    @Option(help: "Verifier key it must be signed by.")
    var key: String?
    @Option(help: "Verifier key the audit log must be signed by.")
    var auditKey: String?
    @Option(help: "Verifier key the overlay must be signed by.")
    var overlayKey: String?
    @OptionGroup var common: CommonOptions

    private struct Report: Encodable {
      let id: String?
      let signedBy: String?
      let files: Int
      let messages: Int
      let auditIndex: Int64?
      let logSize: Int64?
      let auditKey: String?
      let conversations: Int?
      let parts: Int?
      let encrypted: Bool?
      let opened: Int?
      let overlaySignedBy: String?
      let complete: Bool?
      let gaps: Int?
      let unreadable: Int?
      let problems: [String]

      init(_ found: ExportVerification) {
        id = found.exportID
        signedBy = found.signedBy
        (files, messages) = (found.files, found.messages)
        (auditIndex, logSize, auditKey) = (found.auditIndex, found.logSize, found.auditKey)
        (conversations, parts, opened) = (found.conversations, found.parts, found.opened)
        encrypted = found.isEncrypted ? true : nil
        overlaySignedBy = found.overlaySignedBy
        (complete, gaps, unreadable) = (found.isComplete, found.gaps, found.unreadable)
        problems = found.problems.map { "\($0.path): \($0.kind.rawValue)" }
      }

      enum CodingKeys: String, CodingKey {
        case id, files, messages, conversations, parts, encrypted, opened, problems
        case complete, gaps, unreadable
        case signedBy = "signed_by"
        case auditIndex = "audit_index"
        case logSize = "log_size"
        case auditKey = "audit_key"
        case overlaySignedBy = "overlay_signed_by"
      }

      var text: String {
        var lines = problems
        if let parts { lines.append("\(parts) parts") }
        if encrypted == true {
          lines.append("encrypted: put the parts together and open them with age to check what is inside")
        } else {
          lines.append("\(files) files, \(messages) messages, signed by \(signedBy ?? "nobody")")
          if let conversations { lines.append("\(conversations) conversations as stated") }
          if let auditIndex, let logSize {
            lines.append("entry \(auditIndex) of an audit log of \(logSize), key \(auditKey ?? "")")
          }
          if complete == false {
            lines.append(
              "not whole, as it says itself: \(gaps ?? 0) gaps, \(unreadable ?? 0) unreadable messages; "
                + "its warnings.txt says more"
            )
          }
          if let opened {
            lines.append("overlay: \(opened) sealed bodies opened, signed by \(overlaySignedBy ?? "nobody")")
          }
        }
        return lines.joined(separator: "\n")
      }
    }

    func run() async throws {
      let found = try Exporter.verify(
        path: path, trusted: key, auditKey: auditKey, overlay: overlay, overlayKey: overlayKey)
      let report = Report(found)
      try common.output.value(report, text: report.text)
      if !found.isValid { throw ExitStatus.verificationFailed }
    }
  }

  struct MakeOverlay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "overlay",
      abstract:
        "Add texts of sealed bodies in a package of their own that names what it is for by its hashes.")
    @Argument(help: "The package: directory, ZIP file, or list of parts, with jsonl.")
    var path: String
    @Option(
      help: "Lines of JSON: message_id, plain, and version of an edit; as whoever holds the keys opened them."
    )
    var texts: String
    @Option(help: "Directory to make; a name that ends in .zip: one file.")
    var output: String
    @Option(help: "A file with 32 bytes in hexadecimal: the overlay is signed with this Ed25519 key.")
    var signingKey: String?
    @OptionGroup var actor: ActorOptions
    @OptionGroup var common: CommonOptions

    private struct Report: Encodable {
      let id: String
      let sealed: Int
      let opened: Int
    }

    private func signer() throws -> SigningKey? {
      try signingKey.map { path in
        let text = try String(contentsOfFile: path, encoding: .utf8).trimmingCharacters(
          in: .whitespacesAndNewlines)
        guard let seed = [UInt8](hex: text), seed.count == 32 else {
          throw ValidationError("--signing-key names a file with 64 hexadecimal digits")
        }
        return try SigningKey(seed: SecretBytes(seed))
      }
    }

    func run() async throws {
      let made = try Exporter.overlay(
        path, texts: texts, output: output, madeBy: actor.name, at: Application.clock(), signer: try signer())
      try common.output.value(
        Report(id: made.exportID, sealed: made.sealed, opened: made.opened),
        text:
          "\(made.opened) of \(made.sealed) sealed bodies opened\nnext: muniment export verify \(path) \(output)"
      )
      if made.opened < made.sealed { throw ExitStatus.doneInPart }
    }
  }
}
