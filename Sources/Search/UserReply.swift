import Catalog
import History

/// A person as those who may find them see them.
package struct UserView: Encodable, Sendable {
  package var subjectID: String
  package var displayName: String?
  /// For compliance only.
  package var email: String?
  /// `word`: each word of the query is one of the name's; `prefix`: some are beginnings.
  package var match: String
  /// For compliance only; absent where not so.
  package var deactivated: Bool?

  init(_ profile: SubjectProfile, _ hit: SubjectTokens.Hit, words: Int, forCompliance: Bool) {
    subjectID = profile.id
    displayName = profile.displayName
    email = forCompliance ? profile.email : nil
    match = words > 0 && hit.wholes == words ? "word" : "prefix"
    deactivated = hit.isActive ? nil : true
  }

  enum CodingKeys: String, CodingKey {
    case email, match, deactivated
    case subjectID = "subject_id"
    case displayName = "display_name"
  }
}

/// What came of a search for people.
package struct UserReply: Encodable, Sendable {
  /// Says only whether there are gaps among those the reader may find, not how many.
  package struct Coverage: Encodable, Sendable {
    package struct Gap: Encodable, Sendable {
      package var reason: String
    }
    package var complete: Bool
    package var gaps: [Gap]

    init(hasNone: Bool, hasOther: Bool, isBlinded: Bool) {
      var reasons: [String] = []
      if hasNone { reasons.append("no_tokens") }
      if hasOther { reasons.append(isBlinded ? "plain_tokens_not_searched" : "blinded_tokens_need_key") }
      complete = reasons.isEmpty
      gaps = reasons.map(Gap.init)
    }
  }

  package var users: [UserView]
  package var nextCursor: String?
  package var coverage: Coverage

  enum CodingKeys: String, CodingKey {
    case users, coverage
    case nextCursor = "next_cursor"
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(users, forKey: .users)
    try container.encode(nextCursor, forKey: .nextCursor)  // null where there is no more
    try container.encode(coverage, forKey: .coverage)
  }
}
