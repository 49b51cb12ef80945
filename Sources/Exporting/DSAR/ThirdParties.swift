import Catalog
import History
import Model

/// Keeps others out of what a person is given about themself (GDPR Art. 15(4)): everybody else has a number, the
/// same throughout a package and in no other.
final class ThirdParties {
  private let subject: SubjectID
  private let own: SubjectProfile
  private var people: [String: Int] = [:]
  private var directs = 0

  /// What was given out so far.
  struct Numbers: Codable {
    let people: [String: Int]
    let directs: Int
  }

  var numbers: Numbers {
    get { Numbers(people: people, directs: directs) }
    set { (people, directs) = (newValue.people, newValue.directs) }
  }

  init(except subject: SubjectID, _ own: SubjectProfile) {
    self.subject = subject
    self.own = own
  }

  var count: Int { people.count }

  /// By the platform's id.
  func person(_ id: String) -> String {
    guard id != own.id else { return id }
    let number = people[id] ?? people.count + 1
    people[id] = number
    return "person-\(number)"
  }

  func profile(_ profile: SubjectProfile, of subject: SubjectID) -> SubjectProfile {
    subject == self.subject ? profile : SubjectProfile(id: person(profile.id))
  }

  /// Direct conversations are often called by their members' ids.
  func card(_ card: ConversationCard) -> ConversationCard {
    guard card.kind == .direct else { return card }
    directs += 1
    return card.called(ConversationProfile(id: "direct-\(directs)"))
  }

  func members(_ members: [ExportedMember]) -> [ExportedMember] {
    members.filter { $0.row.subject == subject }
  }

  func receipts(_ receipts: [ExportedReceipt]) -> [ExportedReceipt] {
    receipts.filter { $0.row.subject == subject }
  }

  func message(_ message: ExportedMessage) -> ExportedMessage {
    // In order of time, so that the same messages give the same numbers.
    for (_, author) in message.changes where author.id != own.id { _ = person(author.id) }
    var people: [SubjectID: SubjectProfile] = [:]
    for id in [message.message.sender] + message.message.changes.map(\.author) {
      people[id] = message.people[id].map { profile($0, of: id) }
    }
    return ExportedMessage(
      message: message.message.replacing(content),
      sender: profile(message.sender, of: message.message.sender),
      people: people)
  }

  /// The person's own words stay whole, whomever they name; what machines wrote beside them does not.
  private func content(_ payload: MessagePayload) -> MessagePayload {
    var payload = payload
    payload.mentions = payload.mentions.map(person)
    payload.tokens = nil
    if case .sealed(var sealed) = payload.body {
      // Keys are wrapped for devices and people; whose is not to be told from their names, but for the person's own.
      sealed.wrappedKeys = sealed.wrappedKeys.filter { $0.key == own.id }
      payload.body = .sealed(sealed)
    }
    return payload
  }
}
