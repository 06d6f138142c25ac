import QATCore

/// The index of the smallest element along an axis.
public struct ArgMin: ExtremumSearch {
  public static let name: OpName = "ArgMin"
  public static let attributes: [Attribute<Self>] = [
    .init("axis", \.axis), .init("keepdims", \.keepDimensions),
    .init("select_last_index", \.selectLastIndex),
  ]
  public var axis = 0
  public var keepDimensions = true
  public var selectLastIndex = false
  public init() {}
}
