package import Catalog
import Model
import Postgres
import SearchIndex
import Synchronization

/// Members' windows, kept for as long as the catalogue says that nothing of them changed: reading and preparing those
/// of 20,000 conversations takes longer than the search.
package final class ReaderWindows: Sendable {
  /// Of one member, in both of the shapes that a search needs.
  struct Kept: Sendable {
    /// `nil`: nobody can tell when they change.
    let version: Version?
    let byConversation: [ConversationID: [MembershipWindow]]
    let scope: ReadWindows

    init(version: Version?, _ byConversation: [ConversationID: [MembershipWindow]]) {
      self.version = version
      self.byConversation = byConversation
      scope = ReadWindows(
        byConversation.mapValues { $0.map { ReadWindow(from: $0.from, until: $0.until) } })
    }
  }

  struct Version: Sendable, Hashable {
    let memberships: Int64
    /// Of the tenant's public channels, where they are open to everybody.
    let channels: Int64?
  }

  /// The numbers as they were when a request began.
  package struct Read: Sendable {
    let version: Version?

    /// - Parameters:
    ///   - memberships: `Memberships.version`.
    ///   - tenant: as it was read at the same time, or later.
    package init(_ memberships: Int64?, of tenant: Tenant) {
      version = memberships.map {
        Version(memberships: $0, channels: tenant.publicChannels ? tenant.channelsVersion : nil)
      }
    }
  }

  private struct Shelf: Sendable {
    var members: [SubjectID: Kept] = [:]
    var conversations = 0
  }

  private let shelf = Mutex(Shelf())
  private let conversationsMax: Int

  /// - Parameter conversationsMax: of all members together; beyond it what is kept is dropped. Some 300 bytes each.
  package init(conversationsMax: Int = 200_000) { self.conversationsMax = conversationsMax }

  /// As they are in the catalogue now, or were when the numbers were read.
  func windows(of member: SubjectID, by authorization: Authorization, _ read: Read?) async throws -> Kept {
    // The numbers first: what is read after them is no older than they say.
    let version = if let read { read.version } else { try await authorization.version(of: member) }
    if let kept = shelf.withLock({ $0.members[member] }), kept.version == version { return kept }
    let fresh = Kept(version: version, try await authorization.windows(of: member))
    shelf.withLock { shelf in
      if let old = shelf.members.removeValue(forKey: member) {
        shelf.conversations -= old.byConversation.count
      }
      guard version != nil else { return }
      if shelf.conversations + fresh.byConversation.count > conversationsMax { shelf = Shelf() }
      guard fresh.byConversation.count <= conversationsMax else { return }
      shelf.members[member] = fresh
      shelf.conversations += fresh.byConversation.count
    }
    return fresh
  }
}
