import QATCore

/// An operation that computes the samples of its results, which lie one after the other along the first
/// axis, each from the same sample of some operands, and from other operands that serve all alike.
///
/// A batch can go through such operations in parts. Whatever does not say so sees the batch as a whole.
public protocol KeepsSamplesApart: Operation {
  /// Whether that is so here; where nothing else is said, where operand 0 alone has samples.
  /// - Parameters:
  ///   - samples: the operands that have samples, with the same first dimension.
  ///   - operands: their types, and what is known of the others.
  func keepsSamplesApart(_ samples: Set<Int>, _ operands: Operands) -> Bool
  /// The operand that says nothing but what shape the result has.
  static var shapeOperand: Int? { get }
}

extension KeepsSamplesApart {
  public static var shapeOperand: Int? { nil }
  public func keepsSamplesApart(_ samples: Set<Int>, _ operands: Operands) -> Bool {
    samples == [0]
  }
}

extension Operands {
  /// Whether operands broadcast to results whose first axis is that of those with samples.
  fileprivate func broadcast(_ samples: Set<Int>, among indices: some Sequence<Int>) -> Bool {
    let all = indices.filter(isPresent)
    guard samples.isSubset(of: all), all.allSatisfy({ self[$0].shape != nil }) else { return false }
    let rank = all.map { self[$0].knownShape.rank }.max() ?? 0
    return all.allSatisfy {
      let shape = self[$0].knownShape
      return samples.contains($0)
        ? shape.rank == rank : shape.rank < rank || shape.dimensions.first?.size == 1
    }
  }

  /// Whether the first operand alone has samples, and an axis of it is another than theirs.
  fileprivate func isInside(_ axis: Int, _ samples: Set<Int>) -> Bool {
    guard samples == [0], let rank = self[0].shape?.rank else { return false }
    return axis != 0 && axis != -rank
  }

  /// Whether an operand is a single number.
  fileprivate func isScalar(_ index: Int) -> Bool {
    optional(index)?.shape?.elementCount.size == 1
  }
}

// MARK: - Elements

extension WorksOnElements {
  public func keepsSamplesApart(_ samples: Set<Int>, _ operands: Operands) -> Bool {
    operands.broadcast(samples, among: Self.elementOperands)
  }
}
extension QLinearAdd {
  public func keepsSamplesApart(_ samples: Set<Int>, _ operands: Operands) -> Bool {
    // A sum with a single number rounds otherwise, and a sample must not become one.
    operands.broadcast(samples, among: Self.elementOperands)
      && samples.allSatisfy {
        operands[$0].knownShape.dimensions.dropFirst().contains { $0.size.map { $0 > 1 } ?? false }
      }
  }
}
extension VariadicElementwise {
  public func keepsSamplesApart(_ samples: Set<Int>, _ operands: Operands) -> Bool {
    operands.broadcast(samples, among: operands.all.indices)
  }
}
extension ComparisonElementwise {
  public func keepsSamplesApart(_ samples: Set<Int>, _ operands: Operands) -> Bool {
    operands.broadcast(samples, among: 0...1)
  }
}
extension Where: KeepsSamplesApart {
  public func keepsSamplesApart(_ samples: Set<Int>, _ operands: Operands) -> Bool {
    operands.broadcast(samples, among: 0...2)
  }
}
extension Cast: KeepsSamplesApart {}
extension CastLike: KeepsSamplesApart {}

// MARK: - Quantizers

extension QuantizeLinear: KeepsSamplesApart {
  public func keepsSamplesApart(_ samples: Set<Int>, _ operands: Operands) -> Bool {
    operands.isScalar(1) ? samples == [0] : blockSize == 0 && operands.isInside(axis, samples)
  }
}
extension DequantizeLinear: KeepsSamplesApart {
  public func keepsSamplesApart(_ samples: Set<Int>, _ operands: Operands) -> Bool {
    operands.isScalar(1) ? samples == [0] : blockSize == 0 && operands.isInside(axis, samples)
  }
}
extension FakeQuantize: KeepsSamplesApart {
  public func keepsSamplesApart(_ samples: Set<Int>, _ operands: Operands) -> Bool {
    axis.map { blockSize == 0 && operands.isInside($0, samples) } ?? (samples == [0])
  }
}

// MARK: - Images

extension KeepsSamplesApart where Self: OnImages {
  public func keepsSamplesApart(_ samples: Set<Int>, _ operands: Operands) -> Bool {
    samples == Set(Self.imageOperands.filter(operands.isPresent))
  }
}
extension Nhwc: KeepsSamplesApart {
  public func keepsSamplesApart(_ samples: Set<Int>, _ operands: Operands) -> Bool {
    (base as? any KeepsSamplesApart)?.keepsSamplesApart(samples, operands) ?? false
  }
}
extension Conv: KeepsSamplesApart {}
extension FusedConv: KeepsSamplesApart {}
extension ConvTranspose: KeepsSamplesApart {}
extension ConvInteger: KeepsSamplesApart {}
extension QLinearConv: KeepsSamplesApart {}
extension QLinearConvAdd: KeepsSamplesApart {}
extension AveragePool: KeepsSamplesApart {}
extension LpPool: KeepsSamplesApart {}
extension QLinearAveragePool: KeepsSamplesApart {}
extension GlobalAveragePool: KeepsSamplesApart {}
extension GlobalLpPool: KeepsSamplesApart {}
extension GlobalMaxPool: KeepsSamplesApart {}
extension QLinearGlobalAveragePool: KeepsSamplesApart {}
extension InstanceNormalization: KeepsSamplesApart {}
extension GroupNormalization: KeepsSamplesApart {}
extension LRN: KeepsSamplesApart {}
extension DepthToSpace: KeepsSamplesApart {}
extension SpaceToDepth: KeepsSamplesApart {}
extension MaxPool: KeepsSamplesApart {
  public func keepsSamplesApart(_ samples: Set<Int>, _ operands: Operands) -> Bool {
    // Indices count through all samples.
    samples == [0] && operands.resultCount == 1
  }
}
extension BatchNormalization: KeepsSamplesApart {
  public func keepsSamplesApart(_ samples: Set<Int>, _ operands: Operands) -> Bool {
    samples == [0] && !trainingMode
  }
}
extension Resize: KeepsSamplesApart {
  public func keepsSamplesApart(_ samples: Set<Int>, _ operands: Operands) -> Bool {
    guard samples == [0], !operands.isPresent(1), operands.isPresent(2) else { return false }
    return axes.map { !$0.contains { !operands.isInside($0, samples) } }
      ?? (operands.constant(2)?.elements(as: Float.self)?.first == 1)
  }
}
extension Pad: KeepsSamplesApart {
  public func keepsSamplesApart(_ samples: Set<Int>, _ operands: Operands) -> Bool {
    guard samples == [0], !operands.isPresent(3), let pads = operands.integers(1) else {
      return false
    }
    return pads.first == 0 && pads.dropFirst(pads.count / 2).first == 0
  }
}

// MARK: - Products

/// Whether matrices or their rows are the samples of a product of `a` and `b`.
private func keepsMatricesApart(
  _ samples: Set<Int>, _ operands: Operands, _ a: Int, _ b: Int
) -> Bool {
  guard operands.broadcast(samples, among: [a, b]) else { return false }
  let rank = operands[samples.contains(a) ? a : b].knownShape.rank
  return samples.contains(b) ? rank > 2 : rank > 1
}

extension MatMul: KeepsSamplesApart {
  public func keepsSamplesApart(_ samples: Set<Int>, _ operands: Operands) -> Bool {
    keepsMatricesApart(samples, operands, 0, 1)
  }
}
extension QLinearMatMul: KeepsSamplesApart {
  public func keepsSamplesApart(_ samples: Set<Int>, _ operands: Operands) -> Bool {
    keepsMatricesApart(samples, operands, 0, 3) && operands.isScalar(1)
      && (operands.isScalar(4) || operands[4].shape?.rank == 1)
  }
}
extension Gemm: KeepsSamplesApart {
  public func keepsSamplesApart(_ samples: Set<Int>, _ operands: Operands) -> Bool {
    !transA && samples.contains(0) && operands.broadcast(samples, among: [0, 2])
  }
}
extension QGemm: KeepsSamplesApart {
  public func keepsSamplesApart(_ samples: Set<Int>, _ operands: Operands) -> Bool {
    !transA && samples.contains(0) && operands.broadcast(samples, among: [0, 6])
  }
}
extension MatMulNBits: KeepsSamplesApart {}
extension Attention: KeepsSamplesApart {
  public func keepsSamplesApart(_ samples: Set<Int>, _ operands: Operands) -> Bool {
    samples == [0, 1, 2] && operands.count == 3
  }
}

// MARK: - Axes

extension AxisNormalizing {
  public func keepsSamplesApart(_ samples: Set<Int>, _ operands: Operands) -> Bool {
    operands.isInside(axis, samples)
  }
}
extension QLinearSoftmax: KeepsSamplesApart {
  public func keepsSamplesApart(_ samples: Set<Int>, _ operands: Operands) -> Bool {
    operands.isInside(axis, samples)
  }
}
extension LayerNormalization: KeepsSamplesApart {
  public func keepsSamplesApart(_ samples: Set<Int>, _ operands: Operands) -> Bool {
    operands.isInside(axis, samples)
  }
}
extension RMSNormalization: KeepsSamplesApart {
  public func keepsSamplesApart(_ samples: Set<Int>, _ operands: Operands) -> Bool {
    operands.isInside(axis, samples)
  }
}
extension ExtremumSearch {
  public func keepsSamplesApart(_ samples: Set<Int>, _ operands: Operands) -> Bool {
    operands.isInside(axis, samples)
  }
}
extension Reduction {
  public func keepsSamplesApart(_ samples: Set<Int>, _ operands: Operands) -> Bool {
    guard let axes = operands.integers(1), !axes.isEmpty else { return false }
    return axes.allSatisfy { operands.isInside($0, samples) }
  }
}

// MARK: - Movement

extension Reshape: KeepsSamplesApart { public static let shapeOperand: Int? = 1 }
extension Flatten: KeepsSamplesApart {}
extension Squeeze: KeepsSamplesApart {}
extension Unsqueeze: KeepsSamplesApart {}
extension Transpose: KeepsSamplesApart {
  public func keepsSamplesApart(_ samples: Set<Int>, _ operands: Operands) -> Bool {
    samples == [0] && operands[0].shape.map { permutation(rank: $0.rank).first } == 0
  }
}
extension Expand: KeepsSamplesApart {
  public static let shapeOperand: Int? = 1
  public func keepsSamplesApart(_ samples: Set<Int>, _ operands: Operands) -> Bool {
    guard let x = operands[0].shape, let count = operands.dimensions(1)?.count else { return false }
    return samples.isEmpty
      ? x.rank < count || x.dimensions.first?.size == 1 : samples == [0] && x.rank >= count
  }
}
extension Concat: KeepsSamplesApart {
  public func keepsSamplesApart(_ samples: Set<Int>, _ operands: Operands) -> Bool {
    samples.count == operands.count && operands.isInside(axis, [0])
  }
}
extension QLinearConcat: KeepsSamplesApart {
  public func keepsSamplesApart(_ samples: Set<Int>, _ operands: Operands) -> Bool {
    // Two of the result, then three of each tensor.
    guard samples == Set(stride(from: 2, to: operands.count, by: 3)), let axis,
      let rank = operands[2].shape?.rank
    else { return false }
    return axis != 0 && axis != -rank
  }
}
extension Split: KeepsSamplesApart {
  public func keepsSamplesApart(_ samples: Set<Int>, _ operands: Operands) -> Bool {
    operands.isInside(axis, samples)
  }
}
extension Slice: KeepsSamplesApart {
  public func keepsSamplesApart(_ samples: Set<Int>, _ operands: Operands) -> Bool {
    operands.integers(3)?.allSatisfy { operands.isInside($0, samples) } ?? false
  }
}
extension Gather: KeepsSamplesApart {
  public func keepsSamplesApart(_ samples: Set<Int>, _ operands: Operands) -> Bool {
    samples == [1] ? axis == 0 : operands.isInside(axis, samples)
  }
}
