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
  private func observedName(of id: NodeID) -> String {
    let variable = observerState(of: id).first.map { self[$0.variable].name } ?? self[id].name
    return variable.hasSuffix(".min") ? String(variable.dropLast(4)) : variable
  }

  /// The ranges of observers as a table.
  func calibrationTable(of observers: [NodeID]) -> CalibrationTable {
    var ranges: [String: CalibrationTable.Entry] = [:]
    for id in observers {
      let tensors = observerState(of: id).map { self[$0.variable].variable }
      guard let observe = self[id].op as? Observe, let state = try? ObserverState(tensors),
        let low = state.low.min(), let high = state.high.max()
      else { continue }
      ranges[observedName(of: id)] = CalibrationTable.Entry(
        min: low, max: high, observer: observe.kind.setting, bits: bits(of: id) ?? 8,
        batches: state.batches)
    }
    return CalibrationTable(ranges: ranges)
  }

  /// Sets the ranges of observers from a table.
  /// - Throws: `unknown-name` or `invalid-data` where the table is of another model.
  mutating func setRanges(
    of observers: [NodeID], from table: CalibrationTable, _ context: inout PassContext
  ) throws(Diagnostic) {
    try table.check(against: observers.map { observedName(of: $0) })
    for id in observers {
      guard let observe = self[id].op as? Observe, let entry = table.ranges[observedName(of: id)]
      else { continue }
      let bits = bits(of: id) ?? entry.bits, kind = observe.kind.setting
      if entry.observer != kind || (entry.bits != bits && observe.kind.usesHistogram) {
        context.remark(
          .warning, node: self[id].name,
          "its range was observed by \(entry.observer.rawValue) for \(entry.bits) bits, "
            + "the configuration asks for \(kind.rawValue) and \(bits)")
      }
      try changeState(of: id) { state in
        ObserverState(
          range: entry.min...entry.max, batches: entry.batches, channels: state.low.count,
          binCount: state.histograms.first?.counts.count)
      }
    }
    context.remark(.note, "\(observers.count) ranges read from \(table.file ?? "a table")")
  }

  /// Of the grid that an observer's range is for.
  private func bits(of id: NodeID) -> Int? {
    for case .some(let result) in self[id].results {
      for user in users(of: result) {
        if let scale = self[user].op as? ScaleFromRange { return scale.grid.bits }
      }
    }
    return nil
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
