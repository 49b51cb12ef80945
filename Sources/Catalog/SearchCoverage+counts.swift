package import Model
package import Postgres

extension SearchCoverage {
  /// For the operator: how many conversations of a tenant, in one group, have messages of each kind.
  package struct Count: Sendable {
    package let group: Int
    package let tenant: TenantID
    package var conversations = 0
    package var withoutTokens = 0
    package var blinded = 0
    /// With both plain and blinded tokens: neither kind of query finds all.
    package var mixed = 0
    /// With more than one generation of keys.
    package var rotated = 0
    /// Of which not all generations are known.
    package var unknownGenerations = 0
    /// Messages that the index set aside.
    package var refused = 0
    /// Messages that could not be read when they were to be indexed.
    package var unreadable = 0

    package init(group: Int, tenant: TenantID) {
      self.group = group
      self.tenant = tenant
    }
  }

  package static func counts(groups: Int, in tx: borrowing Transaction) throws -> [Count] {
    var found: [Place: Count] = [:]
    let rows = try tx.execute(counts, [.int8(Int64(groups))])
    for row in 0..<rows.count {
      func number(_ column: Int) -> Int { Int(rows.int64(row, column)) }
      let place = Place(group: number(0), tenant: TenantID(rawValue: rows.int64(row, 1)))
      var count = Count(group: place.group, tenant: place.tenant)
      (count.conversations, count.withoutTokens, count.blinded) = (number(2), number(3), number(4))
      (count.mixed, count.rotated, count.unknownGenerations) = (number(5), number(6), number(7))
      found[place] = count
    }
    let refused = try tx.execute(setAside)
    for row in 0..<refused.count {
      let place = Place(
        group: Int(refused.int64(row, 0)), tenant: TenantID(rawValue: refused.int64(row, 1)))
      var count = found[place] ?? Count(group: place.group, tenant: place.tenant)
      (count.refused, count.unreadable) = (Int(refused.int64(row, 2)), Int(refused.int64(row, 3)))
      found[place] = count
    }
    return found.values.sorted { ($0.group, $0.tenant) < ($1.group, $1.tenant) }
  }

  private struct Place: Hashable {
    let group: Int
    let tenant: TenantID
  }

  // The group of a route as `RouteKey.group(of:)` has it.
  private static let counts = """
    SELECT place, tenant_id, count(*), count(*) FILTER (WHERE has_none), count(*) FILTER (WHERE generations > 0),
      count(*) FILTER (WHERE has_plain AND generations > 0), count(*) FILTER (WHERE generations > 1),
      count(*) FILTER (WHERE has_unknown)
    FROM (SELECT (route_key >> 32 & 4294967295) % $1 AS place, tenant_id, bool_or(mode = 0) AS has_none,
        bool_or(mode = 1) AS has_plain, count(*) FILTER (WHERE mode = 2) AS generations,
        bool_or(generation = -1) AS has_unknown
      FROM token_coverage GROUP BY route_key, conversation_id, tenant_id) c
    GROUP BY place, tenant_id
    """
  private static let setAside = """
    SELECT group_id, tenant_id, count(*) FILTER (WHERE code <> 'unreadable'),
      count(*) FILTER (WHERE code = 'unreadable') FROM index_quarantine GROUP BY group_id, tenant_id
    """
}
