import QATCore

extension Graph {
  /// The value of a name, or the first result of the node of that name.
  public func value(orResultOf name: String) -> ValueID? {
    value(named: name) ?? node(named: name).flatMap { self[$0].results.first ?? nil }
  }

  /// What to throw where there is none.
  public func noValue(_ name: String) -> Diagnostic {
    Diagnostic(
      .unknownName, "the graph has no value or node '\(name)'",
      hint: nearestNames(to: name, among: allValues.map { self[$0].name }).first.map {
        "did you mean '\($0)'?"
      } ?? "'qat-opt inspect' lists them")
  }
}
