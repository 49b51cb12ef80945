import Catalog
import KeyVault
package import Model
import Postgres
package import Sodium

extension Directory {
  /// As ``profiles(_:)``, and who erased people were whose messages a hold or a floor keeps: for evidence only.
  package func profilesInEvidence(_ ids: Set<SubjectID>) async throws -> [SubjectID: SubjectProfile] {
    var known = try await profiles(ids)
    let (missing, tenant) = (ids.subtracting(known.keys), tenant.id)
    guard !missing.isEmpty else { return known }
    let rows = try await database.transaction { tx in
      try Preservations.of(subjects: Array(missing), tenant: tenant, in: tx)
    }
    let keys = try await vault.keys(Set(rows.map { KeyOwner.matter(tenant, $0.id) }), creating: false)
    for row in rows {
      guard let key = keys[.matter(tenant, row.id)] else { continue }
      known[row.subject] = try SubjectProfile(
        bytes: ProfileSeal.open(row.profile, owner: row.id, key: key))
    }
    return known
  }

  /// The profile sealed for a ground of keeping something of the person.
  package static func preserved(_ profile: SubjectProfile, for preservation: Int64, under matter: SecretBytes)
    -> [UInt8]
  {
    ProfileSeal.seal(profile.bytes, owner: preservation, key: matter)
  }
}
