/// Exit codes of CONTRACT §2; thrown by commands that end in one of them without an error to report.
enum ExitStatus: Int32, Error {
  case done = 0
  case failed = 1
  case doneInPart = 3
  case refused = 4
  case verificationFailed = 5
  case usage = 64
  case tryAgainLater = 75
}
