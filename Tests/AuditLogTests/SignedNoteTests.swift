import AuditLog
import Foundation
import Sodium
import TestSupport
import Testing

struct SignedNoteTests {
  static let vector = """
    This is an example message.

    \u{2014} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=

    """
  static let verifierKey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"

  @Test("The example of the specification verifies under its key")
  func specification() throws {
    let key = try #require(NoteKey(verifierKey: Self.verifierKey))
    #expect(key.verifierKey == Self.verifierKey)
    let note = try SignedNote(parsing: Self.vector)
    #expect(note.text == "This is an example message.\n")
    try note.verify(by: [key])
  }

  @Test(
    "A note that is not one, is changed, or is signed by nobody known is refused",
    arguments: [
      "", "\n", "text\n", "text\n\n", "text\n\n\u{2014} a b\n", "text\n\n- example.com/foo AAAAAAAA\n",
      vector.replacing("example message", with: "exemple message"),
      vector.replacing("Uw2QOkn8", with: "Uw2QOkn9"),
      vector.replacing("\u{2014} example.com/foo ", with: "\u{2014} example.com/bar "),
      String(vector.dropLast()), vector.replacing("example message", with: "example\tmessage"),
    ])
  func refused(note: String) throws {
    let key = try #require(NoteKey(verifierKey: Self.verifierKey))
    #expect(throws: AuditError.self) { try SignedNote(parsing: note).verify(by: [key]) }
  }

  @Test("Signatures of unknown keys are ignored beside a good one")
  func unknownSigners() throws {
    let key = try #require(NoteKey(verifierKey: Self.verifierKey))
    let stranger = SignedNote.sign("This is an example message.\n", name: "stranger", with: signer(7))
    let line = stranger.split(separator: "\n").last!
    try SignedNote(parsing: Self.vector + line + "\n").verify(by: [key])
  }

  @Test(
    "Names with spaces or plus signs, and verifier keys with a wrong id, are no keys",
    arguments: ["", "a b", "a+b", "a\u{00A0}b", "a\nb"])
  func names(name: String) {
    #expect(NoteKey(name: name, publicKey: signer(1).publicKey) == nil)
    #expect(NoteKey(verifierKey: Self.verifierKey.replacing("530d903a", with: "530d903b")) == nil)
  }

  @Test("A checkpoint survives its text, and its signature proves origin and content")
  func checkpoint() throws {
    let stated = Checkpoint(origin: "example.org/log", size: 42, root: Merkle.leaf([1]))
    #expect(try Checkpoint(parsing: stated.text) == stated)
    let note = SignedNote.sign(stated.text, name: stated.origin, with: signer(1))
    let key = try #require(NoteKey(name: stated.origin, publicKey: signer(1).publicKey))
    #expect(try Checkpoint.verify(note: note, by: key) == stated)
    let other = try #require(NoteKey(name: stated.origin, publicKey: signer(2).publicKey))
    #expect(throws: AuditError.self) { try Checkpoint.verify(note: note, by: other) }
  }

  @Test(
    "What is not exactly a checkpoint is refused",
    arguments: [
      "", "a\n1\n", "a\n01\nAA==\n", "a\n-1\n", "\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
      "a\n007\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
      "a\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hS\n",
    ])
  func malformedCheckpoint(text: String) {
    #expect(throws: AuditError.self) { try Checkpoint(parsing: text) }
  }

  @Test("A proof file survives its text and verifies with the public key alone")
  func proofFile() throws {
    let entries: [[UInt8]] = [[1], [2]]
    let root = Merkle.node(Merkle.leaf(entries[0]), Merkle.leaf(entries[1]))
    let text = Checkpoint(origin: "log", size: 2, root: root).text
    let proof = ProofFile(
      index: 1, hashes: [Merkle.leaf(entries[0])],
      checkpoint: SignedNote.sign(text, name: "log", with: signer(1)))
    let read = try ProofFile(parsing: proof.text)
    #expect(read == proof)
    let key = try #require(NoteKey(name: "log", publicKey: signer(1).publicKey))
    #expect(try read.verify(entries[1], by: key).size == 2)
    #expect(throws: AuditError.self) { try read.verify(entries[0], by: key) }
    for cut in 0..<proof.text.count {
      #expect(throws: AuditError.self) {
        try ProofFile(parsing: String(proof.text.prefix(cut))).verify(entries[1], by: key)
      }
    }
  }

  @Test("The example of the format's description, made with other tools, verifies")
  func documentedExample() throws {
    let file = URL(fileURLWithPath: TestDatabase.schema).appending(path: "../formats/audit-v1.md")
    let page = try String(contentsOf: file, encoding: .utf8)
    let blocks = page.components(separatedBy: "```\n")
    let (entry, note) = (blocks[1].trimmingCharacters(in: .newlines), blocks[3])
    let keyLine = try #require(page.firstMatch(of: #/verifier: `([^`]+)`/#)).output.1
    let key = try #require(NoteKey(verifierKey: String(keyLine)))
    #expect(key.publicKey == signer(1).publicKey)
    let checkpoint = try Checkpoint.verify(note: note, by: key)
    #expect(checkpoint.root == Merkle.leaf(Array(entry.utf8)))
    #expect(SignedNote.sign(checkpoint.text, name: key.name, with: signer(1)) == note)
    let commitment = CanonicalJSON(parsing: Array(entry.utf8))?["actor"]?["commitment"]?.string
    #expect(commitment == SHA256.hash((0..<16).map { UInt8($0) } + Array("dpo".utf8)).base64())
  }

  private func signer(_ seed: UInt8) -> SigningKey {
    try! SigningKey(seed: SecretBytes([UInt8](repeating: seed, count: 32)))
  }
}
