package import Catalog
package import History
package import Model
package import Postgres

/// On whose behalf messages are read.
package enum Reader: Sendable, Hashable {
  case member(SubjectID)
  /// Sees the whole tenant; every look is audited by the caller.
  case compliance
}

/// What a reader may see: the one place where membership turns into windows.
package struct Authorization: Sendable {
  let database: PostgresPool
  let tenant: Tenant

  package init(database: PostgresPool, tenant: Tenant) {
    self.database = database
    self.tenant = tenant
  }

  /// The reader's windows in one conversation, in order of time, merged where they touch; empty: nothing.
  package func windows(_ reader: Reader, in card: ConversationCard) async throws -> [MembershipWindow] {
    switch reader {
    case .compliance: return [everything(card.conversation, card.route)]
    case .member(let subject):
      if tenant.publicChannels, card.isPublic, card.kind == .channel {
        return [everything(card.conversation, card.route)]
      }
      let windows = try await database.read { tx in
        try Memberships.windows(of: subject, conversation: card.conversation, in: tx)
      }
      return Self.merged(windows)
    }
  }

  /// All of a member's windows, by conversation.
  package func windows(of subject: SubjectID) async throws -> [ConversationID: [MembershipWindow]] {
    let (tenant, publicChannels) = (tenant.id, tenant.publicChannels)
    let (windows, open) = try await database.read { tx in
      (
        try Memberships.windows(of: subject, in: tx),
        publicChannels ? try Self.publicChannels(of: tenant, in: tx) : []
      )
    }
    var byConversation = Dictionary(grouping: windows, by: \.conversation).mapValues(Self.merged)
    for row in open { byConversation[row.id] = [everything(row.id, row.route)] }
    return byConversation
  }

  private static func publicChannels(of tenant: TenantID, in tx: borrowing Transaction) throws
    -> [ConversationRow]
  {
    var all: [ConversationRow] = []
    while true {
      let page = try Conversations.list(
        tenant: tenant, after: all.last?.id, publicChannels: true, limit: channelsAtOnce, in: tx)
      all += page
      guard page.count == channelsAtOnce else { return all }
    }
  }

  /// What is another after every change of the member's windows; `nil`: nobody can tell.
  func version(of member: SubjectID) async throws -> ReaderWindows.Version? {
    let tenant = tenant
    return try await database.read { tx in
      guard let memberships = try Memberships.version(of: member, in: tx) else { return nil }
      return ReaderWindows.Version(
        memberships: memberships,
        channels: tenant.publicChannels ? try Conversations.channelsVersion(of: tenant.id, in: tx) : nil)
    }
  }

  private static let channelsAtOnce = 10_000

  private func everything(_ conversation: ConversationID, _ route: RouteKey) -> MembershipWindow {
    MembershipWindow(
      conversation: conversation, route: route, subject: .nobody, from: .earliest, until: .latest)
  }

  static func merged(_ windows: [MembershipWindow]) -> [MembershipWindow] {
    var merged: [MembershipWindow] = []
    for window in windows.sorted(by: { $0.from < $1.from }) where window.from < window.until {
      if let last = merged.last, window.from <= last.until {
        merged[merged.count - 1] = MembershipWindow(
          conversation: last.conversation, route: last.route, subject: last.subject, from: last.from,
          until: max(last.until, window.until))
      } else {
        merged.append(window)
      }
    }
    return merged
  }
}
