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

  /// Whoever has all of the wanted tokens, in order.
  package static func find(
    _ wanted: Wanted, _ reach: Reach, after: Hit?, limit: Int, tenant: TenantID, in tx: borrowing Transaction
  ) throws -> [Hit] {
    let (people, member) = people(reach)
    let rows = try tx.execute(
      people + (member == nil ? amongAll : amongVisible) + page,
      [
        .int8(tenant.rawValue), .int8(member?.rawValue ?? 0), .int2(reach.lastState),
        .int8Array(wanted.tokens),
        .int8Array(wanted.wholes), .int8(Int64(wanted.tokens.count)), .int8(after?.wholes ?? .max),
        .int8(after?.subject.rawValue ?? .max), .int8(Int64(limit)),
      ])
    return (0..<rows.count).map {
      Hit(
        subject: SubjectID(rawValue: rows.int64($0, 0)), wholes: rows.int64($0, 1),
        isActive: rows.int64($0, 2) == 1)
    }
  }

  /// Whether some of those looked among have names without any tokens, and whether some have only such of the other
  /// mode than is asked in.
  package static func unsearchable(
    _ reach: Reach, askedModes: Int16, tenant: TenantID, in tx: borrowing Transaction
  ) throws -> (none: Bool, other: Bool) {
    let (people, member) = people(reach)
    let rows = try tx.execute(
      people + (member == nil ? unsearchableOfAll : unsearchableOfVisible),
      [
        .int8(tenant.rawValue), .int8(member?.rawValue ?? 0), .int2(reach.lastState), .int2(3 - askedModes),
      ])
    return (rows.bool(0, 0), rows.bool(0, 1))
  }

  private static func people(_ reach: Reach) -> (sql: String, member: SubjectID?) {
    switch reach {
    case .tenant: ("", nil)
    case .sharing(let member): (visible, member)
    }
  }

  /// Only what the member may see is gone through, so that neither the time it takes depends on who else there is.
  private static let visible = """
    WITH visible AS MATERIALIZED (
      SELECT DISTINCT theirs.subject_id FROM subject_conversation s
      JOIN membership mine ON mine.route_key = s.conversation_route
        AND mine.conversation_id = s.conversation_id AND mine.subject_id = $2
        AND mine.visible_from < coalesce(mine.left_at, 'infinity')
      JOIN membership theirs ON theirs.route_key = mine.route_key
        AND theirs.conversation_id = mine.conversation_id
        AND theirs.joined_at < coalesce(theirs.left_at, 'infinity')
        AND theirs.joined_at < coalesce(mine.left_at, 'infinity')
        AND mine.visible_from < coalesce(theirs.left_at, 'infinity')
      WHERE s.route_key = $2 AND s.subject_id = $2 AND s.tenant_id = $1)
    """
  /// A correlated count is asked once for each visible person; a join could begin with the token's people.
  private static let amongVisible = """
    , rated AS MATERIALIZED (
      SELECT p.subject_id, p.state,
        (SELECT count(*) FROM subject_token t WHERE t.tenant_id = $1 AND t.token = ANY($4::bigint[])
          AND t.subject_id = v.subject_id) AS found,
        (SELECT count(*) FROM subject_token t WHERE t.tenant_id = $1 AND t.token = ANY($5::bigint[])
          AND t.subject_id = v.subject_id) AS wholes
      FROM visible v JOIN subject p ON p.tenant_id = $1 AND p.subject_id = v.subject_id AND p.state <= $3)

    """
  private static let amongAll = """
    WITH rated AS (
      SELECT p.subject_id, p.state, f.found,
        (SELECT count(*) FROM subject_token t WHERE t.tenant_id = $1 AND t.token = ANY($5::bigint[])
          AND t.subject_id = p.subject_id) AS wholes
      FROM (SELECT subject_id, count(*) AS found FROM subject_token
        WHERE tenant_id = $1 AND token = ANY($4::bigint[]) GROUP BY subject_id) f
      JOIN subject p ON p.tenant_id = $1 AND p.subject_id = f.subject_id AND p.state <= $3
      WHERE $2::bigint IS NOT NULL)

    """
  private static let page = """
    SELECT subject_id, wholes, state::bigint FROM rated
    WHERE found = $6 AND (wholes < $7 OR wholes = $7 AND subject_id > $8)
    ORDER BY wholes DESC, subject_id LIMIT $9
    """
  private static let unsearchableOfVisible = """

    SELECT coalesce(bool_or(p.token_modes = 0), false), coalesce(bool_or(p.token_modes = $4), false)
    FROM visible v JOIN subject p ON p.tenant_id = $1 AND p.subject_id = v.subject_id AND p.state <= $3
    """
  private static let unsearchableOfAll = """
    SELECT EXISTS (SELECT 1 FROM subject WHERE tenant_id = $1 AND token_modes = 0 AND state <= $3),
      EXISTS (SELECT 1 FROM subject WHERE tenant_id = $1 AND token_modes = $4 AND state <= $3)
    WHERE $2::bigint IS NOT NULL
    """
}

extension SubjectTokens.Reach {
  /// States up to this are looked at.
  fileprivate var lastState: Int16 {
    let last: SubjectRow.State = self == .tenant(withDeactivated: true) ? .deactivated : .active
    return last.rawValue
  }
}
