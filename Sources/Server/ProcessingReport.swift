/// A tenant's records of processing activities (GDPR Art. 30), from configuration and data. Names nobody whose data
/// it is: it is shown to authorities.
package struct ProcessingReport: Sendable, Encodable, Hashable {
  package struct Category: Sendable, Encodable, Hashable {
    package var category: String
    /// Where it is kept.
    package var stores: [String]
    package var count: Int?
    /// Whether there may be more than `count`.
    package var countIsLeast: Bool?
    package init(_ category: String, stores: [String] = [], count: Int? = nil, countIsLeast: Bool? = nil) {
      self.category = category
      self.stores = stores
      self.count = count
      self.countIsLeast = countIsLeast
    }
    enum CodingKeys: String, CodingKey {
      case category, stores, count
      case countIsLeast = "count_is_least"
    }
  }

  package struct Recipient: Sendable, Encodable, Hashable {
    package var recipient: String
    package var receives: String
    package var times: Int?
    package var latest: String?
    package init(_ recipient: String, receives: String, times: Int? = nil, latest: String? = nil) {
      self.recipient = recipient
      self.receives = receives
      self.times = times
      self.latest = latest
    }
  }

  package struct TimeLimit: Sendable, Encodable, Hashable {
    package var applies: String
    package var keptAtLeast: String?
    package var erasedAfter: String?
    package var note: String?
    package init(
      _ applies: String, keptAtLeast: String? = nil, erasedAfter: String? = nil, note: String? = nil
    ) {
      self.applies = applies
      self.keptAtLeast = keptAtLeast
      self.erasedAfter = erasedAfter
      self.note = note
    }
    enum CodingKeys: String, CodingKey {
      case applies, note
      case keptAtLeast = "kept_at_least"
      case erasedAfter = "erased_after"
    }
  }

  package struct Store: Sendable, Encodable, Hashable {
    package var store: String
    package var place: String
    package var region: String?
    package init(_ store: String, _ place: String, region: String? = nil) {
      self.store = store
      self.place = place
      self.region = region
    }
  }

  package var tenant: String
  package var madeAt: String
  /// Art. 30(1)(a); `nil`: the settings do not say.
  package var controller: String?
  package var contact: String?
  package var dataProtectionOfficer: String?
  /// (b)
  package var purposes: [String] = []
  /// (c)
  package var people: [Category] = []
  package var data: [Category] = []
  /// (d)
  package var recipients: [Recipient] = []
  /// (e)
  package var transfers: String?
  /// (f)
  package var timeLimits: [TimeLimit] = []
  package var stores: [Store] = []
  /// (g)
  package var security: [String] = []
  /// What the controller has to add: settings that are empty.
  package var missing: [String] = []

  package init(tenant: String, madeAt: String) {
    self.tenant = tenant
    self.madeAt = madeAt
  }

  enum CodingKeys: String, CodingKey {
    case tenant, controller, contact, purposes, people, data, recipients, transfers, stores, security, missing
    case madeAt = "made_at"
    case dataProtectionOfficer = "data_protection_officer"
    case timeLimits = "time_limits"
  }
}

extension ProcessingReport {
  /// For people: a page in Markdown.
  package var markdown: String {
    var lines = [
      "# Records of processing activities: \(tenant)", "", "As of \(madeAt) (GDPR Art. 30(1)).", "",
    ]
    lines += section(
      "Controller",
      [
        "Controller: \(controller ?? Self.unset)", "Contact: \(contact ?? Self.unset)",
        "Data protection officer: \(dataProtectionOfficer ?? Self.unset)",
      ])
    lines += section("Purposes", purposes)
    lines += section("Categories of people", people.map(\.text))
    lines += section("Categories of personal data", data.map(\.text))
    lines += section("Recipients", recipients.map(\.text))
    lines += section("Transfers to third countries", [transfers ?? Self.unset])
    lines += section("Time limits for erasure", timeLimits.map(\.text))
    lines += section("Where it is kept", stores.map(\.text))
    lines += section("Security measures in force", security)
    if !missing.isEmpty { lines += section("To be completed by the controller", missing) }
    return lines.joined(separator: "\n")
  }

  private static let unset = "(not stated)"

  private func section(_ title: String, _ items: [String]) -> [String] {
    ["## \(title)", ""] + items.map { "- \($0)" } + [""]
  }
}

extension ProcessingReport.Category {
  fileprivate var text: String {
    var text = category
    if let count { text += ": \(countIsLeast == true ? "at least " : "")\(count)" }
    return stores.isEmpty ? text : text + " (in: \(stores.joined(separator: ", ")))"
  }
}
extension ProcessingReport.Recipient {
  fileprivate var text: String {
    "\(recipient): \(receives)" + (times.map { "; \($0) times" } ?? "")
      + (latest.map { ", last \($0)" } ?? "")
  }
}
extension ProcessingReport.TimeLimit {
  fileprivate var text: String {
    let parts = [
      keptAtLeast.map { "kept at least \($0)" }, erasedAfter.map { "erased after \($0)" }, note,
    ]
    return "\(applies): " + parts.compactMap { $0 }.joined(separator: "; ")
  }
}
extension ProcessingReport.Store {
  fileprivate var text: String { "\(store): \(place)" + (region.map { ", region \($0)" } ?? "") }
}
