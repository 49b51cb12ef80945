import Catalog
import Foundation
import History
import Model

/// A member as a package names them.
struct ExportedMember: Sendable {
  let row: MembershipRow
  let profile: SubjectProfile
}

/// A message as a package has it, with everybody it names by number.
struct ExportedMessage: Sendable {
  let message: HistoricMessage
  let sender: SubjectProfile
  let people: [SubjectID: SubjectProfile]

  /// The changes whose authors can still be named, in order of time.
  var changes: [(change: HistoricChange, by: SubjectProfile)] {
    message.changes.compactMap { change in people[change.author].map { (change, $0) } }
      .sorted { ($0.0.at, $0.0.version) < ($1.0.at, $1.0.version) }
  }
}

/// Writes one kind of files into a package. Called for one conversation after the other: ``begin(_:)``, its
/// members, its messages oldest first, ``end()``; and ``finish()`` once. Holds no more than one conversation's
/// outline in memory.
protocol PackageFormat: AnyObject {
  func begin(_ card: ConversationCard) async throws
  func add(_ members: [ExportedMember]) async throws
  func add(_ message: ExportedMessage) async throws
  /// After the messages; only of those who take them.
  func add(_ receipts: [ExportedReceipt]) async throws
  var takesReceipts: Bool { get }
  /// What the person whose package it is did to others' messages; only of those who write such packages.
  func add(_ reactions: [ExportedReaction]) async throws
  func end() async throws
  func finish() async throws
  /// What another process has to know to go on from here; `nil` where that cannot be said: within a conversation, of
  /// formats that hold a part of it in memory.
  func save() throws -> Data?
  /// Goes on from there, in the middle of a conversation if one is given; its members come through ``recall(_:)``.
  func restore(_ saved: Data, in card: ConversationCard?) async throws
  /// Members of the conversation that is gone on with, which are written already.
  func recall(_ members: [ExportedMember])
}

extension PackageFormat {
  var takesReceipts: Bool { false }
  func add(_ receipts: [ExportedReceipt]) async throws {}
  func add(_ reactions: [ExportedReaction]) async throws {}
  func recall(_ members: [ExportedMember]) {}
}
