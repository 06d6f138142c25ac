import QATCore

/// An operation on images [N, C, spatial...].
public protocol OnImages: Operation {
  /// Which operands are images; `[0]` where nothing else is said.
  static var imageOperands: [Int] { get }
  /// Which results are images; `[0]` where nothing else is said.
  static var imageResults: [Int] { get }
}

extension OnImages {
  public static var imageOperands: [Int] { [0] }
  public static var imageResults: [Int] { [0] }
}

/// An operation whose images have their channels last, [N, spatial..., C]: what plans run.
///
/// Operands, results and attributes are those of the operation itself, and so is what it computes;
/// `qat.NhwcQLinearConv` is the name of `Nhwc<QLinearConv>`. Weights keep their layout.
public struct Nhwc<Base: OnImages>: Operation {
  public static var name: OpName { OpName(domain: "qat", type: "Nhwc" + Base.name.type) }
  public static var operands: [OperandSpec] { Base.operands }
  public static var results: [ResultSpec] { Base.results }
  public static var attributes: [Attribute<Self>] { Base.attributes.map { $0.within(\.base) } }

  /// The operation on [N, C, spatial...].
  public var base: Base

  public init() { base = Base() }
  /// An operation on images with channels last.
  public init(_ base: Base) { self.base = base }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    var all = operands.all
    for index in Base.imageOperands where operands.isPresent(index) {
      all[index] = .init(operands[index].channelsFirst)
    }
    var types = try base.resultTypes(Operands(all, resultCount: operands.resultCount))
    for index in Base.imageResults where index < types.count {
      types[index] = types[index].channelsLast
    }
    return types
  }

  public func resultElements(_ operands: Operands) -> [ElementType] {
    base.resultElements(operands)
  }
}

extension TensorType {
  /// [N, spatial..., C] as [N, C, spatial...]; ranks below 3 stay.
  public var channelsFirst: TensorType {
    guard var shape, shape.rank > 2 else { return self }
    shape.dimensions.insert(shape.dimensions.removeLast(), at: 1)
    return TensorType(element, shape)
  }

  /// [N, C, spatial...] as [N, spatial..., C]; ranks below 3 stay.
  public var channelsLast: TensorType {
    guard var shape, shape.rank > 2 else { return self }
    shape.dimensions.append(shape.dimensions.remove(at: 1))
    return TensorType(element, shape)
  }
}

extension QLinearConv: OnImages {}
extension MaxPool: OnImages { public static var imageResults: [Int] { [0, 1] } }
extension QLinearAveragePool: OnImages {}
extension QLinearGlobalAveragePool: OnImages {}
