import QATCore
import QATIR

/// An operation on images [N, C, H, W] that can be computed on [N, H, W, C].
protocol HasChannelsLastForm: Operation {
  /// Whether the form is so much faster that images are transposed for it; other operations take it
  /// where their images have their channels last already.
  static var isWorthTransposing: Bool { get }
  /// Which operands are images.
  func images(_ operands: [ValueID?]) -> [Int]
  /// The operation on channels last; `nil` where there is none for these images.
  ///
  /// - Parameter types: of the images, channels in front.
  func channelsLast(_ types: [TensorType]) -> (any Operation)?
}

extension HasChannelsLastForm {
  static var isWorthTransposing: Bool { false }
  func images(_: [ValueID?]) -> [Int] { [0] }
}

extension HasChannelsLastForm where Self: OnImages {
  func images(_ operands: [ValueID?]) -> [Int] {
    Self.imageOperands.filter { $0 < operands.count && operands[$0] != nil }
  }
  func channelsLast(_: [TensorType]) -> (any Operation)? { Nhwc(self) }
}

/// An operation on each element by itself: any layout will do.
private protocol AnyLayout: HasChannelsLastForm {}
extension AnyLayout {
  func channelsLast(_: [TensorType]) -> (any Operation)? { self }
}

extension Identity: AnyLayout {}
extension Clip: AnyLayout {}
extension Relu: AnyLayout {}
extension CodeTable: AnyLayout {}
extension QLinearSigmoid: AnyLayout {}
extension QLinearLeakyRelu: AnyLayout {}

extension QLinearConv: HasChannelsLastForm {
  static var isWorthTransposing: Bool { true }
}
extension MaxPool: HasChannelsLastForm {
  func channelsLast(_ types: [TensorType]) -> (any Operation)? {
    Set<ElementType>.codes8.contains(types[0].element) ? Nhwc(self) : nil
  }
}
extension QLinearAveragePool: HasChannelsLastForm {
  func channelsLast(_: [TensorType]) -> (any Operation)? { channelsLast ? nil : Nhwc(self) }
}
extension QLinearGlobalAveragePool: HasChannelsLastForm {
  func channelsLast(_: [TensorType]) -> (any Operation)? { channelsLast ? nil : Nhwc(self) }
}

extension QLinearAdd: HasChannelsLastForm {
  func images(_: [ValueID?]) -> [Int] { [0, 3] }
  /// Only without broadcasting: its rule depends on the innermost axis.
  func channelsLast(_ types: [TensorType]) -> (any Operation)? {
    types[0].shape == types[1].shape ? self : nil
  }
}

extension QLinearMul: HasChannelsLastForm {
  func images(_: [ValueID?]) -> [Int] { [0, 3] }
  func channelsLast(_: [TensorType]) -> (any Operation)? { self }
}

extension QLinearConcat: HasChannelsLastForm {
  func images(_ operands: [ValueID?]) -> [Int] {
    Array(stride(from: 2, to: operands.count, by: 3))
  }
  func channelsLast(_ types: [TensorType]) -> (any Operation)? {
    axis.map { QLinearConcat(axis: [0, 3, 1, 2][$0 < 0 ? $0 + 4 : $0]) }
  }
}
