import QATCore

/// `QLinearConv` on images whose channels come last: what a plan runs.
///
/// - Operands: those of `QLinearConv`, but `x` [N, spatial..., C] with `channels_last`; the weight
///   stays [M, C/group, kernel...].
/// - Result: [N, spatial..., M] with `channels_last`.
/// - Attributes: those of `Conv`; `channels_last`.
public struct NhwcQLinearConv: Operation {
  public static let name: OpName = "com.microsoft.QLinearConv"
  public static let operands = QLinearConv.operands
  public static let attributes: [Attribute<Self>] = [
    .init("auto_pad", \.window.autoPad), .init("channels_last", \.channelsLast),
    .init("dilations", \.window.dilations), .init("group", \.group),
    .init("kernel_shape", \.window.kernelShape), .init("pads", \.window.pads),
    .init("strides", \.window.strides),
  ]

  public var window = WindowAttributes()
  public var group = 1
  public var channelsLast = false

  public init() {}
  /// With channels last.
  public init(_ op: QLinearConv) {
    window = op.window
    group = op.group
    channelsLast = true
  }

  /// The same computation on [N, C, spatial...].
  public var channelsFirst: QLinearConv { QLinearConv(window, group: group) }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    guard channelsLast else { return try channelsFirst.resultTypes(operands) }
    var all = operands.all
    all[0] = .init(operands[0].channelsFirst)
    return try channelsFirst.resultTypes(Operands(all)).map(\.channelsLast)
  }

  public func resultElements(_ operands: Operands) -> [ElementType] {
    channelsFirst.resultElements(operands)
  }
}

extension TensorType {
  /// [N, spatial..., C] as [N, C, spatial...]; ranks below 3 stay.
  var channelsFirst: TensorType {
    guard var shape, shape.rank > 2 else { return self }
    shape.dimensions.insert(shape.dimensions.removeLast(), at: 1)
    return TensorType(element, shape)
  }

  /// [N, C, spatial...] as [N, spatial..., C]; ranks below 3 stay.
  var channelsLast: TensorType {
    guard var shape, shape.rank > 2 else { return self }
    shape.dimensions.append(shape.dimensions.remove(at: 1))
    return TensorType(element, shape)
  }
}
