import QATCore

/// The index of the largest element along an axis.
public struct ArgMax: ExtremumSearch {
  public static let name: OpName = "ArgMax"
  public static let attributes: [Attribute<Self>] = [
    .init("axis", \.axis), .init("keepdims", \.keepDimensions),
    .init("select_last_index", \.selectLastIndex),
  ]
  public var axis = 0
  public var keepDimensions = true
  public var selectLastIndex = false
  public init() {}
}
