import Testing

// Whole stories told to the built executable, one after the other: each keeps a database server and both cores busy.
@Suite(.serialized) struct Scenarios {}
