import Governance
import Model

/// Short ways to write items, policies and dates in tests: day 0 is when the item was sent.
let author = SubjectID(rawValue: 1)
let colleague = SubjectID(rawValue: 2)
let stranger = SubjectID(rawValue: 3)
let room = ConversationID(rawValue: 10)
let otherRoom = ConversationID(rawValue: 11)
let sent = Timestamp(civil: 2020, 3, 1)

func day(_ number: Int) -> Timestamp { sent.adding(seconds: Int64(number) * 86_400) }
func days(_ count: Int) -> Int64 { Int64(count) * 86_400 }
func years(_ count: Int) -> Int { count * 365 }

func makeItem(
  edited: Timestamp? = nil, retentionDays: Int32? = nil, labels: Set<String> = [],
  labelsSettle: Timestamp? = nil, closed: Timestamp? = nil, events: [String: Item.Occurrence] = [:]
) -> Item {
  Item(
    tenant: TenantID(rawValue: 1), conversation: room, kind: .channel, sender: author, createdAt: sent,
    editedAt: edited, conversationRetentionDays: retentionDays, labels: labels,
    labelsSettleAt: labelsSettle, closedAt: closed, events: events,
    wasMember: { [author, colleague].contains($0) })
}

func makePolicy(
  _ id: String, _ scope: Policy.Scope = .tenant, retain: Int? = nil, delete: Int? = nil,
  clock: Policy.Clock = .created, locked: Bool = false, version: Int32 = 1, effective: Timestamp = .earliest
) -> Policy {
  Policy(
    id: id, version: version, scope: scope, retainSeconds: retain.map(days),
    deleteAfterSeconds: delete.map(days),
    clock: clock, locked: locked, effectiveAt: effective)
}
