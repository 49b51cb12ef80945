package import AuditLog
import Blocking
package import Catalog
package import History
package import JobQueue
package import KeyVault
package import Model
package import Postgres
package import Segments

/// Moves old messages of one tenant from PostgreSQL into sealed segments, and looks after the segments.
package struct Archiver: Sendable {
  package struct Settings: Sendable {
    /// A segment is closed at this size; DESIGN §7 aims at 64 to 256 MiB.
    package var segmentBytesTarget: Int64 = 128 << 20
    /// Where segments are written before they go to the store.
    package var scratch: String
    package var groups: Int
    /// Fewer messages do not pay for a dictionary of their tenant's.
    package var dictionaryMessagesMin = 5_000
    /// Sealed bytes of one visit to the hot tables, or one message if that is larger. Two visits are in memory.
    package var visitBytesMax = 16 << 20
    /// The file that remembers how far the catalogue had come; `nil`: whatever database there is is believed.
    package var mark: String?
    /// Opens the store that segments are copied to, if there is one.
    package var replica: @Sendable () throws -> (any SegmentStore)? = { nil }

    package init(scratch: String, groups: Int) {
      self.scratch = scratch
      self.groups = groups
    }
  }

  let tenant: Tenant
  let database: PostgresPool
  let vault: KeyVault
  let history: HistoryReader
  let audit: AuditLog
  let settings: Settings
  let pace: Pace
  /// The archive's, where other processes could take it over; see ``changingCatalogue(_:)``.
  let lease: Lease?
  /// Who is named in the audit log.
  let actor: String
  /// What the time of its runs went into.
  package let clock = SealClock()
  let now: @Sendable () -> Timestamp

  package init(
    tenant: Tenant, database: PostgresPool, vault: KeyVault, history: HistoryReader, audit: AuditLog,
    settings: Settings, pace: Pace = Pace(), lease: Lease? = nil, actor: String = "archive",
    now: @escaping @Sendable () -> Timestamp
  ) {
    self.tenant = tenant
    self.database = database
    self.vault = vault
    self.history = history
    self.audit = audit
    self.settings = settings
    self.pace = pace
    self.lease = lease
    self.actor = actor
    self.now = now
  }

  var store: any SegmentStore { history.archive.store }

  /// What a run would do.
  package struct Plan: Sendable {
    package struct Month: Sendable {
      package let period: Period
      package let from: Timestamp
      package let until: Timestamp
      package private(set) var conversations: [(conversation: ConversationID, route: RouteKey, count: Int)]
      package var messages: Int { conversations.reduce(0) { $0 + $1.count } }

      init(
        period: Period, from: Timestamp, until: Timestamp,
        conversations: [(conversation: ConversationID, route: RouteKey, count: Int)]
      ) {
        (self.period, self.from, self.until, self.conversations) = (period, from, until, conversations)
      }

      /// The conversations that were sealed before the time was up: each whole.
      func covered(by sealed: [SealedSegment]) -> Month {
        let ids = Set(sealed.flatMap { $0.blocks.map(\.conversation) })
        var month = self
        month.conversations.removeAll { !ids.contains($0.conversation) }
        return month
      }
    }
    package var months: [Month] = []
    /// Last feed sequence of each group when the plan was made: rows above are left to the next run.
    package var bounds: [Int16: Int64] = [:]
    package var messages: Int { months.reduce(0) { $0 + $1.messages } }
  }

  package struct Report: Sendable {
    package var segments = 0
    package var messages = 0
    package var bytes: Int64 = 0
    /// Months that ended meanwhile: nothing of them is left to be archived.
    package var ended: [Period] = []
    /// Months that were left as they are, as keys that their messages need are gone.
    package var lost: [Period] = []
    /// Whether the time was up before all was done; the next run goes on from here.
    package var isStopped = false
    package init() {}

    fileprivate mutating func add(_ sealed: [SealedSegment]) {
      segments += sealed.count
      messages += sealed.reduce(0) { $0 + Int($1.row.messages) }
      bytes += sealed.reduce(0) { $0 + $1.row.bytes }
    }
  }

  package func plan(before cutoff: Timestamp) async throws -> Plan {
    let tenant = tenant.id
    return try await database.transaction { tx in
      var plan = Plan(bounds: try Feed.heads(in: tx))
      for period in try Partitions.list(in: tx).sorted() where period.start < cutoff {
        let until = min(period.end, cutoff)
        let conversations = try Messages.conversations(
          tenant: tenant, from: period.start, until: until, in: tx)
        if !conversations.isEmpty {
          plan.months.append(
            Plan.Month(period: period, from: period.start, until: until, conversations: conversations))
        }
      }
      return plan
    }
  }

  /// Seals what the plan names, month by month: seal → verify by reading back → switch and drop hot in one
  /// transaction. A crash at any step leaves the hot rows, and at most objects nobody refers to, which the next
  /// run sweeps.
  package func run(_ plan: Plan) async throws -> Report {
    try await sweep()
    var report = Report()
    let watch = ContinuousClock.now
    let dictionary = plan.months.isEmpty ? nil : try await dictionary(for: plan)
    clock.add(.dictionary, since: watch)
    for month in plan.months {
      report.isStopped = pace.isOver(at: now())
      if report.isStopped { break }
      let visit = try await visit(month.period) { key in
        try await archive(month, under: key, bounds: plan.bounds, dictionary: dictionary)
      }
      switch visit {
      case .ended: report.ended.append(month.period)
      case .lost: report.lost.append(month.period)
      case .done(let sealed):
        report.add(sealed)
        report.isStopped =
          month.covered(by: sealed).conversations.count < month.conversations.count && pace.isOver(at: now())
      }
      if report.isStopped { break }
    }
    return report
  }

  private func archive(
    _ month: Plan.Month, under key: DataKey, bounds: [Int16: Int64], dictionary: [UInt8]?
  ) async throws -> [SealedSegment] {
    let sealed = try await seal(month, under: key, bounds: bounds, dictionary: dictionary)
    for segment in sealed { try await verify(segment) }
    FaultPoint.reach("archive.verified")
    let watch = ContinuousClock.now
    try await switchOver(month.covered(by: sealed), sealed, under: key, bounds: bounds)
    clock.add(.switching, since: watch)
    FaultPoint.reach("archive.switched")
    return sealed
  }
}
