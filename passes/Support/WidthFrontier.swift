/// The assignments that no other one beats in both size and noise, from the smallest to the one with
/// the least noise.
///
/// Layer by layer, every point kept so far is extended by every choice of the next layer, and points
/// that another one beats are dropped. With sums for both costs that is exact: what is dropped could
/// never become better again. (The Pareto frontier of ZeroQ, arXiv:2001.00281, section 3.2, with the
/// noise of the outputs for the divergence; HAWQ-V3, arXiv:2011.10680, solves the same problem by
/// integer programming.) Beyond `limit` points only the best of each of so many equal steps of size
/// is kept: then an assignment may be larger than the best one by a step for each layer.
struct WidthFrontier {
  private struct State {
    var bytes: Int
    var noise: Double
    var parent: Int
    var choice: Int
  }

  private let choices: [[BitAssignment.Choice]]
  private var stages: [[State]] = []

  /// - Parameters:
  ///   - choices: of each layer, at least one.
  ///   - limit: points to keep.
  init(_ choices: [[BitAssignment.Choice]], limit: Int = 4096) {
    self.choices = choices
    var states = [State(bytes: 0, noise: 0, parent: 0, choice: 0)]
    for layer in choices {
      var next: [State] = []
      for (parent, state) in states.enumerated() {
        for (index, choice) in layer.enumerated() {
          next.append(
            State(
              bytes: state.bytes + choice.bytes, noise: state.noise + choice.noise, parent: parent,
              choice: index))
        }
      }
      states = Self.pruned(next, limit: limit)
      stages.append(states)
    }
  }

  var count: Int { stages.last?.count ?? 0 }

  /// A point of the frontier: 0 is the smallest.
  subscript(index: Int) -> BitAssignment {
    var picked: [BitAssignment.Choice] = [], state = index
    for (stage, layer) in zip(stages, choices).reversed() {
      picked.append(layer[stage[state].choice])
      state = stage[state].parent
    }
    return BitAssignment(choices: picked.reversed())
  }

  /// The least noise in so many bytes; `nil` where even the smallest is larger.
  func within(bytes: Int) -> BitAssignment? {
    stages.last?.lastIndex { $0.bytes <= bytes }.map { self[$0] }
  }

  /// The smallest with no more than so much noise; `nil` where there is none.
  func within(noise: Double) -> BitAssignment? {
    stages.last?.firstIndex { $0.noise <= noise }.map { self[$0] }
  }

  /// The states that no other one beats, by size.
  private static func pruned(_ states: [State], limit: Int) -> [State] {
    let sorted = states.sorted {
      ($0.bytes, $0.noise, $0.parent, $0.choice) < ($1.bytes, $1.noise, $1.parent, $1.choice)
    }
    var kept: [State] = []
    for state in sorted where kept.last.map({ state.noise < $0.noise }) ?? true {
      kept.append(state)
    }
    guard kept.count > limit, let first = kept.first, let last = kept.last else { return kept }
    // The last, the best, of each step; and the very first, so that the smallest stays.
    let step = Double(last.bytes - first.bytes) / Double(limit)
    func bucket(_ state: State) -> Int { Int(Double(state.bytes - first.bytes) / step) }
    return kept.enumerated().filter { index, state in
      index == 0 || index == kept.count - 1 || bucket(state) != bucket(kept[index + 1])
    }.map(\.element)
  }
}
