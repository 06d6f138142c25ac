import QATCore
import QATIR

/// What is computed on images [N, C, H, W] and can be on [N, H, W, C]: an operation, or `ElementsOfImages`.
protocol HasChannelsLastForm {
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

extension Operation {
  /// How it can be computed on channels last.
  var channelsLastForm: (any HasChannelsLastForm)? {
    self as? any HasChannelsLastForm
      ?? (self as? any WorksOnElements).map { ElementsOfImages(op: $0) }
  }
}

/// An operation that does not mind the layout of its images, as long as all have one shape: rules of
/// codes depend on whether the innermost axis broadcasts. An operand of one element is no image.
struct ElementsOfImages: HasChannelsLastForm {
  let op: any WorksOnElements

  func images(_ types: [TensorType?]) -> [Int] {
    type(of: op).elementOperands.filter { types[$0]?.shape?.elementCount.size != 1 }
  }
  func channelsLast(_ types: [TensorType?]) -> (any Operation)? {
    let images = images(types).map { types[$0]?.shape }
    return images.allSatisfy { $0 == images[0] } ? op : nil
  }
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

extension QLinearMul: HasChannelsLastForm {
  func images(_ types: [TensorType?]) -> [Int] { ElementsOfImages(op: self).images(types) }
  /// Also where images broadcast.
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
