import QATCore
import QATIR
import QATRewrite
import QATRuntime

extension Graph {
  /// Runs the graph over the calibration data and shows values of each batch, in order.
  ///
  /// - Parameter limit: batches to run at most; 0 for all there are.
  /// - Throws: `invalid-data` where there is no data, or a value holds a NaN or an infinity.
  func measure(
    _ values: [ValueID], batches limit: Int, _ context: inout PassContext,
    _ body: ([AnyTensor]) throws(Diagnostic) -> Void
  ) throws(Diagnostic) {
    guard let data = context[CalibrationData.self] else {
      throw Diagnostic(.invalidData, "no calibration data", hint: "give --data")
    }
    var probe = self
    probe.setOutputs(values)
    try EliminateDeadNodes().run(on: &probe, &context)
    let names = probe.inputs.map { probe[$0].name }
    let session = try Session(probe, threads: context.threads)
    var count = 0
    for batch in data.batches() {
      if limit > 0 && count == limit { break }
      let results = try session.run(try batch.get().filter { names.contains($0.key) })
      for (value, tensor) in zip(values, results)
      where tensor.doubles?.contains(where: { !$0.isFinite }) ?? false {
        throw Diagnostic(
          .invalidData, "'\(self[value].name)' holds a NaN or an infinity", at: "batch \(count)",
          hint: "look at the data, and at the model's weights")
      }
      try body(results)
      count += 1
    }
    guard count > 0 else {
      throw Diagnostic(
        .invalidData, "the calibration data is empty", hint: "look at --data and its limit")
    }
  }

  /// The nodes of a list by how many others of the list stand in front of them on any way: each group
  /// depends on earlier ones alone.
  func levels(of list: [NodeID]) -> [[NodeID]] {
    let wanted = Set(list)
    var depth: [ValueID: Int] = [:], groups: [[NodeID]] = []
    for id in nodes {
      let node = self[id]
      let level = node.operands.compactMap { $0.flatMap { depth[$0] } }.max() ?? 0
      let isWanted = wanted.contains(id)
      for case .some(let result) in node.results { depth[result] = level + (isWanted ? 1 : 0) }
      guard isWanted else { continue }
      while groups.count <= level { groups.append([]) }
      groups[level].append(id)
    }
    return groups
  }

  /// Gives a constant or a variable other contents.
  mutating func setParameter(_ value: ValueID, to elements: [Double]) {
    guard let old = self[value].parameter else { return }
    let new =
      old.element == .f64
      ? AnyTensor(shape: old.shape, elements)
      : AnyTensor(shape: old.shape, elements.map { Float($0) })
    define(value, as: self[value].variable == nil ? .constant(new) : .variable(new))
  }
}

/// Mean and variance of each channel over all batches that were added, as if they were one.
///
/// Source: Chan, Golub, LeVeque, Updating Formulae and a Pairwise Algorithm for Computing Sample
/// Variances, 1979.
struct ChannelMoments {
  private(set) var count = 0.0
  private(set) var mean: [Double] = []
  private var squares: [Double] = []

  /// Over the count, not one less.
  var variance: [Double] { squares.map { $0 / count } }

  /// - Parameter axis: the channels of `x`.
  mutating func add(_ x: AnyTensor, axis: Int) {
    guard let elements = x.doubles, !elements.isEmpty else { return }
    let channels = x.shape[axis], inner = x.shape[(axis + 1)...].reduce(1, *)
    let size = Double(elements.count / channels)
    var sums = Array(repeating: 0.0, count: channels)
    for (index, element) in elements.enumerated() { sums[index / inner % channels] += element }
    let means = sums.map { $0 / size }
    var apart = Array(repeating: 0.0, count: channels)
    for (index, element) in elements.enumerated() {
      let channel = index / inner % channels, distance = element - means[channel]
      apart[channel] += distance * distance
    }
    if mean.isEmpty {
      (count, mean, squares) = (size, means, apart)
      return
    }
    let total = count + size
    for channel in 0..<channels {
      let delta = means[channel] - mean[channel]
      mean[channel] += delta * size / total
      squares[channel] += apart[channel] + delta * delta * count * size / total
    }
    count = total
  }
}
