import QATCore
import QATIR

// Float operations, and what training adds to them.

extension Conv: HasChannelsLastForm { static var isWorthTransposing: Bool { true } }
extension ConvInputGradient: HasChannelsLastForm {}
extension ConvWeightGradient: HasChannelsLastForm {}
extension BatchNormalization: HasChannelsLastForm {}
extension BatchNormalizationGradient: HasChannelsLastForm {}
extension MaxPoolGradient: HasChannelsLastForm {}
extension AveragePool: HasChannelsLastForm {}
extension AveragePoolGradient: HasChannelsLastForm {}
extension GlobalAveragePool: HasChannelsLastForm {}
extension GlobalAveragePoolGradient: HasChannelsLastForm {}

extension ChannelSum: HasChannelsLastForm {
  func images(_: [TensorType?]) -> [Int] { [0] }
  var imageResults: [Int] { [] }
  func channelsLast(_: [TensorType?]) -> (any Operation)? {
    ChannelSum(axis: channelsLastAxis(axis))
  }
}

extension Concat: HasChannelsLastForm {
  func images(_ types: [TensorType?]) -> [Int] { Array(types.indices) }
  func channelsLast(_: [TensorType?]) -> (any Operation)? {
    Concat(axis: channelsLastAxis(axis))
  }
}

// MARK: - Quantizers

/// A quantizer of the images among its operands, with parameters per tensor or along an axis.
private protocol QuantizesImages: Operation, HasChannelsLastForm {
  var axis: Int? { get set }
}
extension QuantizesImages {
  func images(_: [TensorType?]) -> [Int] { [0] }
  func channelsLast(_: [TensorType?]) -> (any Operation)? {
    var op = self
    op.axis = axis.map(channelsLastAxis)
    return op
  }
}

extension FakeQuantize: QuantizesImages {}
extension FakeQuantizeGradient: QuantizesImages {
  func images(_: [TensorType?]) -> [Int] { [0, 1] }
}
extension LearnedQuantizeGradient: QuantizesImages {
  func images(_: [TensorType?]) -> [Int] { [0, 1] }
}
extension ScaleDerivative: HasChannelsLastForm {
  func images(_: [TensorType?]) -> [Int] { [0] }
  func channelsLast(_: [TensorType?]) -> (any Operation)? { self }
}
extension Observe: QuantizesImages { var imageResults: [Int] { [] } }
extension LearnRange: QuantizesImages { var imageResults: [Int] { [] } }

/// With one scale.
private protocol LinearQuantizer: Operation, HasChannelsLastForm {}
extension LinearQuantizer {
  func images(_: [TensorType?]) -> [Int] { [0] }
  func channelsLast(_ types: [TensorType?]) -> (any Operation)? {
    types[1]?.shape?.elementCount.size == 1 ? self : nil
  }
}
extension QuantizeLinear: LinearQuantizer {}
extension DequantizeLinear: LinearQuantizer {}
