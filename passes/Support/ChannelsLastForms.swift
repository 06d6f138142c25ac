import QATCore
import QATIR

/// An operation on images [N, C, H, W] that can be computed on [N, H, W, C].
protocol HasChannelsLastForm: Operation {
  /// Whether the form is so much faster that images are transposed for it; other operations take it
  /// where one of their images has its channels last already.
  static var isWorthTransposing: Bool { get }
  /// Which operands are images; `nil` among the types stands for an absent operand.
  func images(_ types: [TensorType?]) -> [Int]
  /// Which results are images.
  var imageResults: [Int] { get }
  /// The operation on channels last; `nil` where there is none for operands of these types.
  func channelsLast(_ types: [TensorType?]) -> (any Operation)?
}

extension HasChannelsLastForm {
  static var isWorthTransposing: Bool { false }
  var imageResults: [Int] { [0] }
}

extension HasChannelsLastForm where Self: OnImages {
  func images(_ types: [TensorType?]) -> [Int] {
    Self.imageOperands.filter { $0 < types.count && types[$0] != nil }
  }
  var imageResults: [Int] { Self.imageResults }
  func channelsLast(_: [TensorType?]) -> (any Operation)? { Nhwc(self) }
}

extension QLinearConv: HasChannelsLastForm { static var isWorthTransposing: Bool { true } }
extension MaxPool: HasChannelsLastForm {}
extension QLinearAveragePool: HasChannelsLastForm {
  func channelsLast(_: [TensorType?]) -> (any Operation)? { channelsLast ? nil : Nhwc(self) }
}
extension QLinearGlobalAveragePool: HasChannelsLastForm {
  func channelsLast(_: [TensorType?]) -> (any Operation)? { channelsLast ? nil : Nhwc(self) }
}

// MARK: - Any layout will do

/// An operation on each element by itself, whose first operand is its image.
protocol OnElements: HasChannelsLastForm {}
extension OnElements {
  func images(_: [TensorType?]) -> [Int] { [0] }
  func channelsLast(_: [TensorType?]) -> (any Operation)? { self }
}

extension Identity: OnElements {}
extension Clip: OnElements {}
extension CodeTable: OnElements {}
extension QLinearSigmoid: OnElements {}
extension QLinearLeakyRelu: OnElements {}

/// An operation on two images, element by element; an operand of one element is no image.
protocol OnPairs: HasChannelsLastForm {
  /// Where the two operands stand.
  static var pair: [Int] { get }
}
extension OnPairs {
  static var pair: [Int] { [0, 1] }
  func images(_ types: [TensorType?]) -> [Int] {
    Self.pair.filter { types[$0]?.shape?.elementCount.size != 1 }
  }
  func channelsLast(_ types: [TensorType?]) -> (any Operation)? {
    let images = images(types).map { types[$0]?.shape }
    return images.allSatisfy { $0 == images[0] } ? self : nil
  }
}

/// Without broadcasting rows: the rule depends on the innermost axis.
extension QLinearAdd: OnPairs { static var pair: [Int] { [0, 3] } }
extension QLinearMul: OnPairs {
  static var pair: [Int] { [0, 3] }
  func channelsLast(_: [TensorType?]) -> (any Operation)? { self }
}

extension QLinearConcat: HasChannelsLastForm {
  func images(_ types: [TensorType?]) -> [Int] {
    Array(stride(from: 2, to: types.count, by: 3))
  }
  func channelsLast(_: [TensorType?]) -> (any Operation)? {
    axis.map { QLinearConcat(axis: channelsLastAxis($0)) }
  }
}

/// Where an axis of [N, C, H, W] is in [N, H, W, C].
func channelsLastAxis(_ axis: Int) -> Int { [0, 3, 1, 2][axis < 0 ? axis + 4 : axis] }
