import QAT

/// The options of a run by name, as a checkpoint keeps them, so that resuming needs none of them again.
struct RunSettings {
  /// Those of the run that is resumed; empty for a new one.
  private let stored: [String: String]
  /// Those of this run.
  private(set) var values: [String: String] = [:]

  init(resuming checkpoint: Checkpoint?) { stored = checkpoint?.settings ?? [:] }

  /// Takes over an option where it was not given; a new run has the default then.
  /// - Throws: `invalid-option` where it was given and is another than that of the interrupted run.
  mutating func merge<Value: LosslessStringConvertible>(
    _ option: inout Value?, _ name: String, default value: Value? = nil
  ) throws(Diagnostic) {
    if let old = stored[name] {
      if let given = option, given.description != old {
        throw Self.contradiction(name, given.description, old)
      }
      option = old.isEmpty ? nil : Value(old)
    } else {
      option = option ?? value
    }
    values[name] = option?.description ?? ""
  }

  /// An option that is at its default where it was not given.
  mutating func merge(
    _ option: inout Int, _ name: String, _ value: Int
  ) throws(Diagnostic) {
    var given = option == value ? nil : option
    try merge(&given, name, default: value)
    option = given ?? value
  }

  /// A flag: given is on, else it is what it was.
  mutating func merge(_ flag: inout Bool, _ name: String) throws(Diagnostic) {
    var option = flag ? true : nil
    try merge(&option, name, default: false)
    flag = option ?? false
  }

  /// Takes over an option where it was not given; another one may be given.
  mutating func prefer<Value: LosslessStringConvertible>(_ option: inout Value?, _ name: String) {
    if option == nil, let old = stored[name], !old.isEmpty { option = Value(old) }
    values[name] = option?.description ?? ""
  }

  private static func contradiction(_ name: String, _ given: String, _ old: String) -> Diagnostic {
    let before = old.isEmpty ? "none" : "--\(name) \(old)"
    return Diagnostic(
      .invalidOption, "--\(name) \(given), but the interrupted run had \(before)",
      hint: "leave it out to go on with that run, or start a new one without --resume")
  }
}
