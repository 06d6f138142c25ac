import QATConfig
import QATCore
import QATIR
import QATRewrite
import QATRuntime

/// What the last `calibrate` found, for whoever wants to keep it.
public struct ObservedRanges: Sendable {
  /// By the name of the value.
  public let table: CalibrationTable
}

extension Graph {
  /// The value that an observer's range belongs to: as the variables of its state are called.
  private func observedName(of site: ObserverSite) -> String {
    let variable = site.state.first.map { self[$0].name } ?? site.name
    var parts = variable.split(separator: ".", omittingEmptySubsequences: false)
    // Behind it stands a number where bodies have values of one name.
    let last = parts.count - (parts.last.flatMap { Int($0) } == nil ? 1 : 2)
    if last > 0, parts[last] == "min" { parts.remove(at: last) }
    return parts.joined(separator: ".")
  }

  /// The ranges of observers as a table.
  func calibrationTable(of observers: [ObserverSite]) -> CalibrationTable {
    var ranges: [String: CalibrationTable.Entry] = [:]
    for site in observers {
      let tensors = site.state.map { self[$0].variable }
      guard let observe = site.op as? Observe, let state = try? ObserverState(tensors),
        let low = state.low.min(), let high = state.high.max()
      else { continue }
      ranges[observedName(of: site)] = CalibrationTable.Entry(
        min: low, max: high, observer: observe.kind.setting, bits: site.bits ?? 8,
        batches: state.batches)
    }
    return CalibrationTable(ranges: ranges)
  }

  /// Sets the ranges of observers from a table.
  /// - Throws: `unknown-name` or `invalid-data` where the table is of another model.
  mutating func setRanges(
    of observers: [ObserverSite], from table: CalibrationTable, _ context: inout PassContext
  ) throws(Diagnostic) {
    try table.check(against: observers.map { observedName(of: $0) })
    for site in observers {
      guard let observe = site.op as? Observe, let entry = table.ranges[observedName(of: site)]
      else { continue }
      let bits = site.bits ?? entry.bits, kind = observe.kind.setting
      if entry.observer != kind || (entry.bits != bits && observe.kind.usesHistogram) {
        context.remark(
          .warning, node: site.name,
          "its range was observed by \(entry.observer.rawValue) for \(entry.bits) bits, "
            + "the configuration asks for \(kind.rawValue) and \(bits)")
      }
      try changeState(of: site) { state in
        ObserverState(
          range: entry.min...entry.max, batches: entry.batches, channels: state.low.count,
          binCount: state.histograms.first?.counts.count)
      }
    }
    context.remark(.note, "\(observers.count) ranges read from \(table.file ?? "a table")")
  }
}

extension ObserverKind {
  /// The kind as configurations call it.
  fileprivate var setting: ObserverSettings.Kind {
    switch self {
    case .minMax: .minMax
    case .movingAverage: .movingAverage
    case .percentile: .percentile
    case .histogram: .histogram
    case .entropy: .entropy
    }
  }
}
