import AuditLog
import Model
import Postgres
import Sodium
import TestSupport
import Testing

/// A witness as C2SP tlog-cosignature describes one, written here and not in the product.
struct Witness {
  let name: String
  let signer: SigningKey

  init(_ name: String, seed: UInt8) throws {
    self.name = name
    signer = try SigningKey(seed: SecretBytes([UInt8](repeating: seed, count: 32)))
  }

  /// `name+hex(key id)+base64(04 ‖ key)`.
  var verifierKey: String {
    "\(name)+\(keyID.hex)+\(([0x04] + signer.publicKey).base64())"
  }
  private var keyID: [UInt8] {
    Array(SHA256.hash(Array(name.utf8) + [0x0A, 0x04] + signer.publicKey)[..<4])
  }

  func line(under note: String, seconds: UInt64 = 1_740_787_200) -> String {
    let text = String(note[..<note.firstRange(of: "\n\n")!.lowerBound]) + "\n"
    let time = (0..<8).map { UInt8(truncatingIfNeeded: seconds >> UInt64(56 - 8 * $0)) }
    let signature = signer.sign(Array("cosignature/v1\ntime \(seconds)\n\(text)".utf8))
    return "\u{2014} \(name) \((keyID + time + signature).base64())"
  }
}

@Suite struct CosignatureTests {
  private func fixture(_ witnesses: [Witness]) async throws -> AuditFixture {
    let plain = try await AuditFixture.make()
    let signer = try SigningKey(seed: SecretBytes([UInt8](repeating: 1, count: 32)))
    let keys = try witnesses.map { try #require(NoteKey(verifierKey: $0.verifierKey)) }
    return AuditFixture(
      pool: plain.pool,
      log: AuditLog(
        origin: plain.log.origin, signer: signer, sealing: AuditFixture.sealing, witnesses: keys))
  }

  private func accept(_ text: String, _ fixture: AuditFixture, size: Int64? = nil) async throws -> [String] {
    let log = fixture.log
    return try await fixture.pool.transaction { tx in
      try log.acceptCosignatures(text, size: size, at: AuditFixture.time, in: tx)
    }
  }

  @Test("A witness's signature is kept, and stands under the checkpoint and in proofs from then on")
  func accepted() async throws {
    let witness = try Witness("witness.example/w1", seed: 21)
    let fixture = try await fixture([witness])
    try await fixture.append(5)
    let note = try await fixture.checkpoint()
    #expect(try await accept(witness.line(under: note) + "\n", fixture) == [witness.name])
    let cosigned = try await fixture.checkpoint()
    #expect(cosigned == note + witness.line(under: note) + "\n")
    let log = fixture.log
    let (proof, entry) = try await fixture.pool.transaction { tx in
      (try log.proof(of: 2, in: tx), try log.entries(from: 2, limit: 1, in: tx)[0])
    }
    #expect(proof.checkpoint == cosigned)
    try proof.verify(entry.bytes, by: log.key)
    let found = try Checkpoint.verify(note: cosigned, by: log.key, witnesses: log.witnesses)
    #expect(found.witnesses == Set(log.witnesses))
    let verified = try await fixture.verify()
    #expect(verified.isIntact && verified.cosignatures == 1)
  }

  @Test("An older checkpoint is signed by its size or as a whole, and twice changes nothing")
  func older() async throws {
    let witness = try Witness("witness.example/w1", seed: 21)
    let fixture = try await fixture([witness])
    try await fixture.append(5)
    let old = try await fixture.checkpoint()
    try await fixture.append(2)
    _ = try await fixture.checkpoint()
    #expect(try await accept(witness.line(under: old), fixture, size: 5) == [witness.name])
    #expect(try await accept(old + witness.line(under: old) + "\n", fixture) == [witness.name])
    #expect(try await fixture.verify().cosignatures == 1)
  }

  @Test("Strangers, other checkpoints, changed signatures and what is no signature are refused")
  func refused() async throws {
    let (witness, stranger) = (try Witness("witness.example/w1", seed: 21), try Witness("w2", seed: 22))
    let fixture = try await fixture([witness])
    try await fixture.append(5)
    let old = try await fixture.checkpoint()
    try await fixture.append(2)
    let note = try await fixture.checkpoint()
    let impostor = try Witness("witness.example/w1", seed: 23)
    let line = witness.line(under: note)
    let attempts = [
      stranger.line(under: note), impostor.line(under: note), witness.line(under: old), "", "nothing",
      note, note.replacing("\n7\n", with: "\n6\n") + line + "\n", line + "\nnothing",
    ]
    for attempt in attempts {
      await #expect(throws: AuditError.self) { try await accept(attempt, fixture) }
    }
    await #expect(throws: AuditError.self) { try await accept(line, fixture, size: 6) }
    #expect(try await fixture.checkpoint() == note)
  }

  @Test("A cosignature that was changed in the database is reported")
  func tampered() async throws {
    let witness = try Witness("witness.example/w1", seed: 21)
    let fixture = try await fixture([witness])
    try await fixture.append(5)
    let note = try await fixture.checkpoint()
    _ = try await accept(witness.line(under: note), fixture)
    try await fixture.execute(
      "UPDATE audit_cosignature SET line = left(line, 60) || 'AAAA' || substr(line, 65)")
    #expect(try await !fixture.verify().isIntact)
  }

  @Test("A witness is asked with the size it knows, the proof and the checkpoint")
  func request() async throws {
    let fixture = try await fixture([])
    try await fixture.append(3)
    let early = try Checkpoint.verify(note: try await fixture.checkpoint(), by: fixture.log.key)
    try await fixture.append(4)
    let note = try await fixture.checkpoint()
    let log = fixture.log
    let request = try await fixture.pool.transaction { tx in try log.witnessRequest(from: 3, in: tx) }
    let parts = request.split(separator: "\n\n", maxSplits: 1).map(String.init)
    #expect(parts[1] == note)
    let lines = parts[0].split(separator: "\n").map(String.init)
    #expect(lines[0] == "old 3")
    let late = try Checkpoint.verify(note: note, by: log.key)
    #expect(
      MerkleProof.verifyConsistency(
        from: 3, root: early.root, to: late.size, root: late.root,
        proof: lines.dropFirst().compactMap { [UInt8](base64: $0) }))
  }
}
