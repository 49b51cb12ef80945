import Catalog
import History
import Model

/// Who was in the conversation that is being written, and when.
struct Attendance {
  /// Spans remembered; of a conversation with more, who was present is not told.
  static let spansMax = 200_000

  private(set) var spans: [ExportedMember] = []
  private(set) var isWhole = true

  mutating func add(_ members: [ExportedMember]) {
    guard spans.count + members.count <= Self.spansMax else {
      isWhole = false
      return
    }
    spans += members
  }

  /// Everybody who ever was a member, once each, in order of their first joining.
  var people: [SubjectProfile] {
    var seen: Set<String> = []
    return spans.sorted { ($0.row.joinedAt, $0.profile.id) < ($1.row.joinedAt, $1.profile.id) }
      .map(\.profile).filter { seen.insert($0.id).inserted }
  }

  /// Those who were members at some time of a stretch, its last moment included, once each; `nil` as below.
  func present(from start: Timestamp, upTo end: Timestamp, limit: Int) -> [SubjectProfile]? {
    guard isWhole else { return nil }
    var people: [String: SubjectProfile] = [:]
    for span in spans where span.row.joinedAt <= end && (span.row.leftAt.map { start < $0 } ?? true) {
      people[span.profile.id] = span.profile
      guard people.count <= limit else { return nil }
    }
    return people.values.sorted { $0.id < $1.id }
  }

  /// Those present at a moment; `nil` if they are more than `limit` or not known.
  func present(at time: Timestamp, limit: Int) -> [SubjectProfile]? {
    guard isWhole else { return nil }
    var people: [SubjectProfile] = []
    for span in spans where span.row.joinedAt <= time && (span.row.leftAt.map { time < $0 } ?? true) {
      guard people.count < limit else { return nil }
      people.append(span.profile)
    }
    return people.sorted { $0.id < $1.id }
  }
}
