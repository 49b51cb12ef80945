package import Model
package import Postgres

extension SubjectTokens {
  /// Among whom is looked.
  package enum Reach: Sendable, Hashable {
    /// Everybody of the tenant; with those that were deactivated or not.
    case tenant(withDeactivated: Bool)
    /// Active people who were in a conversation at a time this member can read.
    case sharing(with: SubjectID)
  }

  /// What somebody is looked for by.
  package struct Wanted: Sendable, Hashable {
    /// All of them are needed.
    package let tokens: [Int64]
    /// The more of them, the better.
    package let wholes: [Int64]

    package init(tokens: [Int64], wholes: [Int64]) {
      self.tokens = Array(Set(tokens)).sorted()
      self.wholes = Array(Set(wholes)).sorted()
    }
  }

  /// A place in the order of hits: those that match more words in whole first, then by number.
  package struct Hit: Sendable, Hashable {
    package let subject: SubjectID
    package let wholes: Int64
    package let isActive: Bool

    package init(subject: SubjectID, wholes: Int64, isActive: Bool = true) {
      self.subject = subject
      self.wholes = wholes
      self.isActive = isActive
    }
  }

  /// What a search finds, and whether there are people it cannot find.
  package struct Found: Sendable, Hashable {
    /// Whoever has all of the wanted tokens, in order.
    package var hits: [Hit] = []
    /// Some of those looked among have names without any tokens.
    package var hasNone = false
    /// Some have only tokens of the other mode than is asked in.
    package var hasOther = false
  }

  /// - Parameter askedModes: the mode of the wanted tokens, as in ``Names/modes``.
  package static func find(
    _ wanted: Wanted, askedModes: Int16, _ reach: Reach, after: Hit?, limit: Int, tenant: TenantID,
    in tx: borrowing Transaction
  ) throws -> Found {
    let (statement, member) = statement(reach)
    let rows = try tx.execute(
      statement,
      [
        .int8(tenant.rawValue), .int8(member?.rawValue ?? 0), .int2(reach.lastState),
        .int8Array(wanted.tokens), .int8Array(wanted.wholes), .int8(Int64(wanted.tokens.count)),
        .int8(after?.wholes ?? .max), .int8(after?.subject.rawValue ?? .max), .int8(Int64(limit)),
        .int2(3 - askedModes),
      ])
    var found = Found(hasNone: rows.bool(0, 0), hasOther: rows.bool(0, 1))
    for row in 0..<rows.count {
      guard let subject = rows.int64OrNil(row, 2) else { continue }
      found.hits.append(
        Hit(
          subject: SubjectID(rawValue: subject), wholes: rows.int64(row, 3), isActive: rows.int64(row, 4) == 1
        ))
    }
    return found
  }

  private static func statement(_ reach: Reach) -> (sql: String, member: SubjectID?) {
    switch reach {
    case .tenant: (amongAll + page, nil)
    case .sharing(let member): (visible + amongVisible + page, member)
    }
  }

  /// Only what the member may see is gone through, once, so that the time it takes does not depend on who else there
  /// is.
  private static let visible = """
    WITH visible AS MATERIALIZED (
      SELECT p.subject_id, p.state, p.token_modes
      FROM (SELECT DISTINCT theirs.subject_id FROM subject_conversation s
        JOIN membership mine ON mine.route_key = s.conversation_route
          AND mine.conversation_id = s.conversation_id AND mine.subject_id = $2
          AND mine.visible_from < coalesce(mine.left_at, 'infinity')
        JOIN membership theirs ON theirs.route_key = mine.route_key
          AND theirs.conversation_id = mine.conversation_id
          AND theirs.joined_at < coalesce(theirs.left_at, 'infinity')
          AND theirs.joined_at < coalesce(mine.left_at, 'infinity')
          AND mine.visible_from < coalesce(theirs.left_at, 'infinity')
        WHERE s.route_key = $2 AND s.subject_id = $2 AND s.tenant_id = $1) v
      JOIN subject p ON p.tenant_id = $1 AND p.subject_id = v.subject_id AND p.state <= $3)
    """
  /// A correlated count is asked once for each visible person; a join could begin with the token's people.
  private static let amongVisible = """
    , matching AS MATERIALIZED (
      SELECT v.subject_id, v.state FROM visible v WHERE $6 =
        (SELECT count(*) FROM subject_token t WHERE t.tenant_id = $1 AND t.token = ANY($4::bigint[])
          AND t.subject_id = v.subject_id)),
    gaps AS (SELECT coalesce(bool_or(token_modes = 0), false) AS has_none,
      coalesce(bool_or(token_modes = $10), false) AS has_other FROM visible)
    """
  private static let amongAll = """
    WITH matching AS (
      SELECT p.subject_id, p.state
      FROM (SELECT subject_id FROM subject_token WHERE tenant_id = $1 AND token = ANY($4::bigint[])
        GROUP BY subject_id HAVING count(*) = $6) f
      JOIN subject p ON p.tenant_id = $1 AND p.subject_id = f.subject_id AND p.state <= $3
      WHERE $2::bigint IS NOT NULL),
    gaps AS (SELECT
      EXISTS (SELECT 1 FROM subject WHERE tenant_id = $1 AND token_modes = 0 AND state <= $3) AS has_none,
      EXISTS (SELECT 1 FROM subject WHERE tenant_id = $1 AND token_modes = $10 AND state <= $3) AS has_other)
    """
  private static let page = """
    , rated AS (
      SELECT m.subject_id, m.state::bigint AS state,
        (SELECT count(*) FROM subject_token t WHERE t.tenant_id = $1 AND t.token = ANY($5::bigint[])
          AND t.subject_id = m.subject_id) AS wholes
      FROM matching m)
    SELECT g.has_none, g.has_other, r.subject_id, r.wholes, r.state FROM gaps g LEFT JOIN
      (SELECT * FROM rated WHERE wholes < $7 OR wholes = $7 AND subject_id > $8
        ORDER BY wholes DESC, subject_id LIMIT $9) r ON true
    ORDER BY r.wholes DESC, r.subject_id
    """
}

extension SubjectTokens.Reach {
  /// States up to this are looked at.
  fileprivate var lastState: Int16 {
    let last: SubjectRow.State = self == .tenant(withDeactivated: true) ? .deactivated : .active
    return last.rawValue
  }
}
