package import AuditLog
package import Catalog
package import Erasure
package import Exporting
package import History
package import Ingestion
package import JobQueue
package import KeyVault
package import Model
package import Postgres
package import Retention
package import Search
package import SearchIndex
package import Segments

/// What the API works with; the composition root fills it in.
package struct APIServices: Sendable {
  package struct Limits: Sendable {
    /// Largest body of `POST /v1/events`, in bytes, as sent and as unpacked.
    package var bodyBytesMax: Int
    package var requestsPerSecond: Int

    package init(bodyBytesMax: Int, requestsPerSecond: Int) {
      self.bodyBytesMax = bodyBytesMax
      self.requestsPerSecond = requestsPerSecond
    }
  }

  /// The flows, composed for one tenant.
  package struct Flows: Sendable {
    package var ingestor: @Sendable (Directory) -> Ingestor
    package var conversations: @Sendable (Directory) -> ConversationHistory
    package var search: @Sendable (Directory) -> MessageSearch
    package var retention: @Sendable (Directory) -> RetentionService
    package var holds: @Sendable (Directory) -> HoldService
    package var exporter: @Sendable (Directory) -> Exporter
    package var erasure: @Sendable (Directory) -> ErasureService
    package var subjectRequests: @Sendable (Directory) -> SubjectRequestService
    /// `nil`: nobody is told what was deleted.
    package var notices: @Sendable (Directory) -> DeletionNotices?

    package init(
      ingestor: @escaping @Sendable (Directory) -> Ingestor,
      conversations: @escaping @Sendable (Directory) -> ConversationHistory,
      search: @escaping @Sendable (Directory) -> MessageSearch,
      retention: @escaping @Sendable (Directory) -> RetentionService,
      holds: @escaping @Sendable (Directory) -> HoldService,
      exporter: @escaping @Sendable (Directory) -> Exporter,
      erasure: @escaping @Sendable (Directory) -> ErasureService,
      subjectRequests: @escaping @Sendable (Directory) -> SubjectRequestService,
      notices: @escaping @Sendable (Directory) -> DeletionNotices?
    ) {
      self.ingestor = ingestor
      self.conversations = conversations
      self.search = search
      self.retention = retention
      self.holds = holds
      self.exporter = exporter
      self.erasure = erasure
      self.subjectRequests = subjectRequests
      self.notices = notices
    }
  }

  /// What the runtime knows and does beyond the stores.
  package struct Hooks: Sendable {
    /// Jobs that can be started.
    package var jobs: [JobSummary]
    /// Begins a run in the background; `nil` if one of that name runs already.
    package var startJob: @Sendable (_ name: String, _ actor: String) async throws -> JobRun?
    /// Whether whoever fetches deletions is who they are for.
    package var pullsDeletions: Bool
    /// What needs somebody's attention.
    package var problems: @Sendable () async throws -> [SystemProblem]
    /// Feed steps the index is behind, by group.
    package var indexLag: @Sendable () async throws -> [Int: Int64]
    /// Brings an embedded database back if it stopped; called by the health check.
    package var reviveDatabase: @Sendable () async throws -> Void
    /// How the cache of old history does.
    package var blockCache: @Sendable () -> BlockCache.Counts
    /// A tenant's records of processing.
    package var processingReport: @Sendable (Tenant) async throws -> ProcessingReport

    package init(
      jobs: [JobSummary], startJob: @escaping @Sendable (String, String) async throws -> JobRun?,
      pullsDeletions: Bool,
      problems: @escaping @Sendable () async throws -> [SystemProblem],
      indexLag: @escaping @Sendable () async throws -> [Int: Int64],
      reviveDatabase: @escaping @Sendable () async throws -> Void,
      blockCache: @escaping @Sendable () -> BlockCache.Counts,
      processingReport: @escaping @Sendable (Tenant) async throws -> ProcessingReport
    ) {
      self.blockCache = blockCache
      self.jobs = jobs
      self.startJob = startJob
      self.pullsDeletions = pullsDeletions
      self.problems = problems
      self.indexLag = indexLag
      self.reviveDatabase = reviveDatabase
      self.processingReport = processingReport
    }
  }

  let database: PostgresPool
  let vault: KeyVault
  let shelf: DirectoryShelf
  let audit: AuditLog
  /// For looks: requests that come together are written together.
  let looks: AuditQueue
  let index: SearchIndex
  let groups: Int
  let home: String
  let version: String
  let limits: Limits
  let flows: Flows
  let hooks: Hooks
  let openDSR: OpenDSRSettings
  let tokens: AccessTokens
  let metrics: Metrics
  let now: @Sendable () -> Timestamp

  package init(
    database: PostgresPool, vault: KeyVault, audit: AuditLog, index: SearchIndex, groups: Int,
    home: String, version: String, limits: Limits, flows: Flows, hooks: Hooks, openDSR: OpenDSRSettings,
    sharedSecret: String?,
    now: @escaping @Sendable () -> Timestamp
  ) {
    self.database = database
    self.vault = vault
    self.shelf = DirectoryShelf(database: database, vault: vault)
    self.audit = audit
    self.looks = AuditQueue(log: audit, database: database)
    self.index = index
    self.groups = groups
    self.home = home
    self.version = version
    self.limits = limits
    self.flows = flows
    self.hooks = hooks
    self.openDSR = openDSR
    self.tokens = AccessTokens(signer: vault.signingKey("access-token"), sharedSecret: sharedSecret)
    self.metrics = Metrics()
    self.now = now
  }
}

/// A job as the API lists it.
package struct JobSummary: Sendable, Hashable {
  package let name: String
  package let purpose: String

  package init(name: String, purpose: String) {
    self.name = name
    self.purpose = purpose
  }
}

/// Something an operator has to look into, with what to do about it.
package struct SystemProblem: Sendable, Hashable, Encodable {
  package let code: String
  package let detail: String
  package let nextStep: String

  package init(code: String, detail: String, nextStep: String) {
    self.code = code
    self.detail = detail
    self.nextStep = nextStep
  }

  enum CodingKeys: String, CodingKey {
    case code, detail
    case nextStep = "next_step"
  }
}
