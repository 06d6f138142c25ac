import QATCore

// The roles of ONNX's operations. Channel axes: Conv's weight is [M, C/group, kH, kW], Gemm's B is
// [K, N], or [N, K] transposed; MatMul's second operand is [..., K, N].

extension Conv: Quantizable, HasParameters {
  public func quantizationRole(ranks: [Int?]) -> QuantizationRole? {
    .weighted(input: 0, weight: 1, channelAxis: 0, bias: 2)
  }
  public func groupAxis(ranks: [Int?]) -> Int? { 1 }
  public var trainableOperands: [Int] { [1, 2] }
}

extension ConvTranspose: Quantizable, HasParameters {
  // [C, M/group, kH, kW]: with groups no axis of the weight is the output channel.
  public func quantizationRole(ranks: [Int?]) -> QuantizationRole? {
    .weighted(input: 0, weight: 1, channelAxis: group == 1 ? 1 : nil, bias: 2)
  }
  public func groupAxis(ranks: [Int?]) -> Int? { 0 }
  public var trainableOperands: [Int] { [1, 2] }
}

extension Gemm: Quantizable, HasParameters {
  public func quantizationRole(ranks: [Int?]) -> QuantizationRole? {
    .weighted(input: 0, weight: 1, channelAxis: transB ? 0 : 1, bias: 2)
  }
  public func groupAxis(ranks: [Int?]) -> Int? { transB ? 1 : 0 }
  public var trainableOperands: [Int] { [1, 2] }
}

extension MatMul: Quantizable, HasParameters {
  public func quantizationRole(ranks: [Int?]) -> QuantizationRole? {
    let rank = ranks.count > 1 ? ranks[1] : nil
    return .weighted(input: 0, weight: 1, channelAxis: rank == 2 ? 1 : nil, bias: nil)
  }
  public func groupAxis(ranks: [Int?]) -> Int? {
    ranks.count > 1 ? ranks[1].flatMap { $0 > 1 ? $0 - 2 : nil } : nil
  }
  public var trainableOperands: [Int] { [1] }
}

extension Add: Quantizable, HasParameters {
  public func quantizationRole(ranks: [Int?]) -> QuantizationRole? {
    .activations(operands: [0, 1])
  }
  public var trainableOperands: [Int] { [0, 1] }
}
extension Mul: Quantizable, HasParameters {
  public func quantizationRole(ranks: [Int?]) -> QuantizationRole? {
    .activations(operands: [0, 1])
  }
  public var trainableOperands: [Int] { [0, 1] }
}
extension Concat: Quantizable {
  public func quantizationRole(ranks: [Int?]) -> QuantizationRole? {
    .activations(operands: Array(ranks.indices))
  }
}
extension AveragePool: Quantizable {
  public func quantizationRole(ranks: [Int?]) -> QuantizationRole? { .activations(operands: [0]) }
}
extension GlobalAveragePool: Quantizable {
  public func quantizationRole(ranks: [Int?]) -> QuantizationRole? { .activations(operands: [0]) }
}
extension Sigmoid: Quantizable {
  public func quantizationRole(ranks: [Int?]) -> QuantizationRole? { .activations(operands: [0]) }
}
extension LeakyRelu: Quantizable {
  public func quantizationRole(ranks: [Int?]) -> QuantizationRole? { .activations(operands: [0]) }
}
extension Softmax: Quantizable {
  // ONNX Runtime's integer Softmax is exact with this scale alone.
  public func quantizationRole(ranks: [Int?]) -> QuantizationRole? {
    .fixedResult(scale: 1.0 / 256)
  }
}
extension Relu: Quantizable {
  public func quantizationRole(ranks: [Int?]) -> QuantizationRole? { .clamping }
}
extension Clip: Quantizable {
  public func quantizationRole(ranks: [Int?]) -> QuantizationRole? { .clamping }
}
extension MaxPool: Quantizable {
  public func quantizationRole(ranks: [Int?]) -> QuantizationRole? { .passThrough }
}
extension Flatten: Quantizable {
  public func quantizationRole(ranks: [Int?]) -> QuantizationRole? { .passThrough }
}
extension Reshape: Quantizable {
  public func quantizationRole(ranks: [Int?]) -> QuantizationRole? { .passThrough }
}
extension Transpose: Quantizable {
  public func quantizationRole(ranks: [Int?]) -> QuantizationRole? { .passThrough }
}
extension Squeeze: Quantizable {
  public func quantizationRole(ranks: [Int?]) -> QuantizationRole? { .passThrough }
}
extension Unsqueeze: Quantizable {
  public func quantizationRole(ranks: [Int?]) -> QuantizationRole? { .passThrough }
}
extension DepthToSpace: Quantizable {
  public func quantizationRole(ranks: [Int?]) -> QuantizationRole? { .passThrough }
}
extension SpaceToDepth: Quantizable {
  public func quantizationRole(ranks: [Int?]) -> QuantizationRole? { .passThrough }
}
extension Split: Quantizable {
  public func quantizationRole(ranks: [Int?]) -> QuantizationRole? { .passThrough }
}
extension Tile: Quantizable {
  public func quantizationRole(ranks: [Int?]) -> QuantizationRole? { .passThrough }
}
extension Expand: Quantizable {
  public func quantizationRole(ranks: [Int?]) -> QuantizationRole? { .passThrough }
}
extension Slice: Quantizable {
  public func quantizationRole(ranks: [Int?]) -> QuantizationRole? { .passThrough }
}
extension Gather: Quantizable {
  public func quantizationRole(ranks: [Int?]) -> QuantizationRole? { .passThrough }
}
extension GatherElements: Quantizable {
  public func quantizationRole(ranks: [Int?]) -> QuantizationRole? { .passThrough }
}
extension GatherND: Quantizable {
  public func quantizationRole(ranks: [Int?]) -> QuantizationRole? { .passThrough }
}
extension Pad: Quantizable {
  public func quantizationRole(ranks: [Int?]) -> QuantizationRole? { .passThrough }
}
extension Resize: Quantizable {
  // The nearest code is a code; what stands outside of a region is a number.
  public func quantizationRole(ranks: [Int?]) -> QuantizationRole? {
    mode == .nearest && coordinates != .cropAndResize ? .passThrough : nil
  }
}

extension Pad: FillsWithNumber {
  public var numberOperand: Int { 2 }
}

extension BatchNormalization: HasParameters {
  public var trainableOperands: [Int] { [1, 2] }
  public var stateOperands: [Int] { [3, 4] }
}
extension LayerNormalization: HasParameters {
  public var trainableOperands: [Int] { [1, 2] }
}
extension PRelu: HasParameters {
  public var trainableOperands: [Int] { [1] }
}
extension InstanceNormalization: HasParameters {
  public var trainableOperands: [Int] { [1, 2] }
}
extension GroupNormalization: HasParameters {
  public var trainableOperands: [Int] { [1, 2] }
}
extension RMSNormalization: HasParameters {
  public var trainableOperands: [Int] { [1] }
}
// Weights are [D, G·H, …]: directions share the scale of a row.
extension LSTM: Quantizable, HasParameters {
  public func quantizationRole(ranks: [Int?]) -> QuantizationRole? { recurrentRole }
  public func groupAxis(ranks: [Int?]) -> Int? { 2 }
  // The states before the first step are data, even where a file holds them.
  public var trainableOperands: [Int] { [1, 2, 3, 7] }
}
extension GRU: Quantizable, HasParameters {
  public func quantizationRole(ranks: [Int?]) -> QuantizationRole? { recurrentRole }
  public func groupAxis(ranks: [Int?]) -> Int? { 2 }
  public var trainableOperands: [Int] { [1, 2, 3] }
}
extension RNN: Quantizable, HasParameters {
  public func quantizationRole(ranks: [Int?]) -> QuantizationRole? { recurrentRole }
  public func groupAxis(ranks: [Int?]) -> Int? { 2 }
  public var trainableOperands: [Int] { [1, 2, 3] }
}
extension Recurrent {
  fileprivate var recurrentRole: QuantizationRole {
    .weightsOnly(operands: [1, 2], channelAxis: 1)
  }
}
extension Gather: HasParameters {
  public var trainableOperands: [Int] { [0] }
}

extension FakeQuantize: MarksGrid {}
extension DequantizeLinear: MarksGrid {}
