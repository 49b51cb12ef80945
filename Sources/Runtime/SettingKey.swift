/// One documented setting.
package struct SettingKey: Sendable {
  package let name: String
  package let environment: String?
  package let fallback: String
  /// What values are allowed, in words; shown when a value is not.
  package let range: String
  package let meaning: String

  /// Every setting there is, in the order `config show --defaults` prints them.
  package static let all: [SettingKey] = [
    SettingKey(
      name: "database.url", environment: "MUNIMENT_DATABASE_URL", fallback: "",
      range: "a libpq connection string or URI of PostgreSQL 15 or newer; empty: an embedded private cluster",
      meaning: "where the catalogue is"),
    SettingKey(
      name: "object_store", environment: "MUNIMENT_OBJECT_STORE", fallback: "",
      range: "file:PATH or s3://BUCKET/PREFIX; empty: file:<home>/segments",
      meaning: "where archive segments are"),
    SettingKey(
      name: "s3.endpoint", environment: "AWS_ENDPOINT_URL", fallback: "",
      range: "http or https, host and port; empty: AWS itself", meaning: "the S3 service of object_store"),
    SettingKey(
      name: "s3.region", environment: "AWS_REGION", fallback: "us-east-1",
      range: "lower-case letters, digits and hyphens", meaning: "the region requests are signed for"),
    SettingKey(
      name: "s3.access_key_id", environment: "AWS_ACCESS_KEY_ID", fallback: "",
      range: "the id of an access key", meaning: "who asks the S3 service"),
    SettingKey(
      name: "s3.secret_access_key", environment: "AWS_SECRET_ACCESS_KEY", fallback: "",
      range: "the key that belongs to s3.access_key_id; secret", meaning: "signs requests"),
    SettingKey(
      name: "s3.session_token", environment: "AWS_SESSION_TOKEN", fallback: "",
      range: "a token that came with a temporary key; secret", meaning: "sent with every request"),
    SettingKey(
      name: "s3.certificates", environment: "AWS_CA_BUNDLE", fallback: "",
      range: "a PEM file; empty: the system's certificates", meaning: "whom to trust as the S3 service"),
    SettingKey(
      name: "s3.storage_class", environment: nil, fallback: "",
      range: "a class such as STANDARD_IA or GLACIER_IR; empty: the bucket's default",
      meaning: "storage class of new segments"),
    SettingKey(
      name: "s3.lock", environment: nil, fallback: "off",
      range: "off, governance:DURATION or compliance:DURATION, as in compliance:365d",
      meaning: "how long nobody may delete a new segment; erasure destroys keys at once all the same"),
    SettingKey(
      name: "index.groups", environment: nil, fallback: "4", range: "a number from 1 to 64",
      meaning: "groups of index shards; fixed once a home has data"),
    SettingKey(
      name: "search.deadline_seconds", environment: nil, fallback: "10", range: "a number from 1 to 3600",
      meaning: "how long a search may take before it is refused"),
    SettingKey(
      name: "index.poll_milliseconds", environment: nil, fallback: "250", range: "a number from 20 to 60000",
      meaning: "how often `serve` looks for messages that are not in the search index yet"),
    SettingKey(
      name: "index.batch_steps", environment: nil, fallback: "20000", range: "a number from 1 to 50000",
      meaning: "messages and changes that are committed to the search index together, at most"),
    SettingKey(
      name: "index.batch_bytes", environment: nil, fallback: "33554432",
      range: "a number from 65536 to 134217728",
      meaning: "bytes of search tokens that are committed together, about"),
    SettingKey(
      name: "index.batch_milliseconds", environment: nil, fallback: "1000",
      range: "a number from 20 to 60000",
      meaning: "how long reading messages for one commit to the search index may take, about"),
    SettingKey(
      name: "archive.older_than", environment: nil, fallback: "30d", range: "a duration such as 30d or 12h",
      meaning: "age at which the nightly job archives messages"),
    SettingKey(
      name: "archive.segment_bytes", environment: nil, fallback: "134217728",
      range: "a number from 1048576 to 1073741824", meaning: "size at which a segment is closed"),
    SettingKey(
      name: "archive.until", environment: nil, fallback: "off", range: "a time of day in UTC, HH:MM, or off",
      meaning: "when the archive and compact jobs stop for the day; the next night goes on"),
    SettingKey(
      name: "archive.bytes_per_second", environment: nil, fallback: "0",
      range: "a number from 0 (no limit) to 100000000000",
      meaning: "how fast the archive and compact jobs write, at most"),
    SettingKey(
      name: "archive.scrub_days", environment: nil, fallback: "30", range: "a number from 0 (off) to 3650",
      meaning: "the nightly verify job checks every segment once within so many days"),
    SettingKey(
      name: "archive.cache_bytes", environment: nil, fallback: "67108864",
      range: "a number from 0 (off) to 68719476736",
      meaning: "memory for blocks of segments that were read last, as they are stored: sealed"),
    SettingKey(
      name: "archive.replica", environment: "MUNIMENT_ARCHIVE_REPLICA", fallback: "",
      range: "file:PATH or s3://BUCKET/PREFIX, not object_store itself; empty: none",
      meaning: "a second store that every segment is copied to, and damaged ones are repaired from"),
    SettingKey(
      name: "archive.compact", environment: nil, fallback: "nightly", range: "nightly or off",
      meaning: "whether the nightly job compacts the archive"),
    SettingKey(
      name: "retention.grace", environment: nil, fallback: "24h", range: "a duration such as 24h",
      meaning: "how long a change of policy that deletes more waits before it takes effect"),
    SettingKey(
      name: "retention.approval", environment: nil, fallback: "off", range: "off or second_person",
      meaning: "whether a change of policy that deletes more needs a second person's approval as well"),
    SettingKey(
      name: "retention.review_within", environment: nil, fallback: "30d", range: "a duration such as 30d",
      meaning: "how long a disposition review may wait for a decision before it is a problem"),
    SettingKey(
      name: "retention.end_periods", environment: nil, fallback: "on", range: "on or off",
      meaning: "whether a month of which nothing is left loses its key"),
    SettingKey(
      name: "keys.backup_window", environment: nil, fallback: "30d",
      range: "a duration such as 30d; 0d is allowed",
      meaning: "how long backups of the database are kept: destroyed keys are beyond recovery after it"),
    SettingKey(
      name: "set_aside.expiry", environment: nil, fallback: "30d", range: "a duration such as 30d",
      meaning: "how long input that was set aside is kept"),
    SettingKey(
      name: "audit.origin", environment: nil, fallback: "muniment/audit",
      range: "a URL without scheme, such as example.org/muniment, without spaces or plus signs",
      meaning: "the audit log's name in checkpoints; fixed once one was signed"),
    SettingKey(
      name: "audit.witnesses", environment: nil, fallback: "",
      range: "verifier keys with key type 04 (C2SP tlog-cosignature), with spaces between them",
      meaning: "whose signatures under checkpoints the audit log takes in"),
    SettingKey(
      name: "processing.controller", environment: nil, fallback: "", range: "a text",
      meaning: "who is responsible for the data; for `report processing`, as the following"),
    SettingKey(
      name: "processing.contact", environment: nil, fallback: "", range: "a text",
      meaning: "how the controller is reached"),
    SettingKey(
      name: "processing.officer", environment: nil, fallback: "", range: "a text",
      meaning: "the data protection officer, and how to reach them"),
    SettingKey(
      name: "processing.purposes", environment: nil, fallback: "",
      range: "texts with semicolons between them",
      meaning: "what the data is used for, each with its legal basis"),
    SettingKey(
      name: "processing.transfers", environment: nil, fallback: "", range: "a text",
      meaning: "transfers to third countries and their safeguards, or that there are none"),
    SettingKey(
      name: "exports.expiry", environment: nil, fallback: "30d",
      range: "a duration such as 30d; 0d: never",
      meaning: "how long packages below the home are kept; their records stay"),
    SettingKey(
      name: "exports.packages", environment: nil, fallback: "0",
      range: "a number from 0 (no limit) to 1000000",
      meaning: "packages below the home that a tenant may have"),
    SettingKey(
      name: "exports.bytes", environment: nil, fallback: "0",
      range: "a number from 0 (no limit) to 1000000000000000",
      meaning: "bytes that a tenant's packages below the home may have"),
    SettingKey(
      name: "exports.running", environment: nil, fallback: "8", range: "a number from 1 to 64",
      meaning: "exports of a tenant that run or can be gone on with, at most"),
    SettingKey(
      name: "exports.resume_within", environment: nil, fallback: "24h", range: "a duration such as 24h",
      meaning: "how long what an interrupted export wrote is kept to go on with"),
    SettingKey(
      name: "exports.rate", environment: nil, fallback: "0",
      range: "a number from 0 (no limit) to 10000000", meaning: "messages a second an export reads, at most"),
    SettingKey(
      name: "schedule.nightly", environment: nil, fallback: "02:15",
      range: "a time of day in UTC, HH:MM, or off",
      meaning: "when `serve` runs the nightly job"),
    SettingKey(
      name: "server.body_bytes", environment: nil, fallback: "1073741824",
      range: "a number from 1048576 to 1099511627776", meaning: "largest request body POST /v1/events accepts"
    ),
    SettingKey(
      name: "server.requests_per_second", environment: nil, fallback: "200",
      range: "a number from 1 to 100000",
      meaning: "requests a second a signed-in subject may make before 429"),
    SettingKey(
      name: "access_token.shared_secret", environment: "MUNIMENT_JWT_SECRET", fallback: "",
      range: "at least 32 bytes; secret",
      meaning: "accept HS256 tokens signed with this as well as our own EdDSA ones"),
    SettingKey(
      name: "deletions.outbox", environment: nil, fallback: "off", range: "on or off",
      meaning: "whether clients can be told what was deleted: for platforms that fetch GET /v1/deletions"),
    SettingKey(
      name: "deletions.webhook_url", environment: nil, fallback: "",
      range: "http or https URL; empty: nobody is called",
      meaning: "where deletions are sent as signed NDJSON; turns deletions.outbox on"),
    SettingKey(
      name: "deletions.webhook_secret", environment: "MUNIMENT_WEBHOOK_SECRET", fallback: "",
      range: "at least 32 bytes; secret", meaning: "signs what is sent to deletions.webhook_url"),
    SettingKey(
      name: "deletions.webhook_secret_file", environment: nil, fallback: "",
      range:
        "a file with at least 32 bytes, needed for deletions.webhook_url without deletions.webhook_secret",
      meaning: "has the secret that signs what is sent to deletions.webhook_url"),
    SettingKey(
      name: "deletions.keep", environment: nil, fallback: "7d", range: "a duration of 1d or more",
      meaning: "how long it is known for clients what was deleted; ids of erased people go once delivered"),
    SettingKey(
      name: "opendsr.domain", environment: nil, fallback: "localhost",
      range: "a domain name in lower case",
      meaning: "the processor's domain in OpenDSR replies, which names our extension object"),
    SettingKey(
      name: "opendsr.base_url", environment: nil, fallback: "",
      range: "http or https URL without a slash at its end; empty: paths alone",
      meaning: "where controllers reach this API, for the addresses of results in OpenDSR replies"),
    SettingKey(
      name: "opendsr.certificate_file", environment: nil, fallback: "",
      range: "a file with a certificate chain in PEM; only with opendsr.key_file",
      meaning:
        "what an authority certified for opendsr.domain, read anew for each reply; empty: the tenant's key signs"
    ),
    SettingKey(
      name: "opendsr.key_file", environment: nil, fallback: "",
      range: "a file with a private key in PEM, mode 0600; only with opendsr.certificate_file",
      meaning: "signs OpenDSR replies and callbacks: RSA or ECDSA, without a passphrase"),
    SettingKey(
      name: "opendsr.private_callbacks", environment: nil, fallback: "off", range: "on or off",
      meaning: "whether OpenDSR callbacks may go to private addresses, and over plain http"),
    SettingKey(
      name: "root_key.command", environment: nil, fallback: "", range: "a command line",
      meaning: "prints the root key in hexadecimal; empty: <home>/keys/root.key"),
  ]
}

/// A setting that does not fit. The message names it and what is allowed, never a secret's value.
package struct SettingsError: Error, CustomStringConvertible {
  package let description: String
  package init(_ description: String) { self.description = description }
}
