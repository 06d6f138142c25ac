/// An operation that reads of some operands the shape alone: gradients, which hold for every batch.
///
/// What such an operand holds may be gone when the operation runs.
public protocol ReadsShapes: Operation {
  /// Whether nothing but the shape of an operand is read.
  func readsShapeAlone(of operand: Int) -> Bool
}

extension ConvInputGradient: ReadsShapes {
  public func readsShapeAlone(of operand: Int) -> Bool { operand == 2 }
}
extension ConvWeightGradient: ReadsShapes {
  public func readsShapeAlone(of operand: Int) -> Bool { operand == 2 }
}
extension ConvTransposeInputGradient: ReadsShapes {
  public func readsShapeAlone(of operand: Int) -> Bool { operand == 2 }
}
extension ConvTransposeWeightGradient: ReadsShapes {
  public func readsShapeAlone(of operand: Int) -> Bool { operand == 2 }
}
extension AveragePoolGradient: ReadsShapes {
  public func readsShapeAlone(of operand: Int) -> Bool { operand == 1 }
}
extension GlobalAveragePoolGradient: ReadsShapes {
  public func readsShapeAlone(of operand: Int) -> Bool { operand == 1 }
}
extension PadGradient: ReadsShapes {
  public func readsShapeAlone(of operand: Int) -> Bool { operand == 1 }
}
extension SliceGradient: ReadsShapes {
  public func readsShapeAlone(of operand: Int) -> Bool { operand == 1 }
}
extension GatherGradient: ReadsShapes {
  public func readsShapeAlone(of operand: Int) -> Bool { operand == 1 }
}
extension GatherNDGradient: ReadsShapes {
  public func readsShapeAlone(of operand: Int) -> Bool { operand == 1 }
}
extension TileGradient: ReadsShapes {
  public func readsShapeAlone(of operand: Int) -> Bool { operand == 1 }
}
extension ResizeGradient: ReadsShapes {
  public func readsShapeAlone(of operand: Int) -> Bool { operand == 1 }
}
extension EyeLike: ReadsShapes {
  public func readsShapeAlone(of operand: Int) -> Bool { true }
}
extension ConcatGradient: ReadsShapes {
  public func readsShapeAlone(of operand: Int) -> Bool { operand > 0 }
}
extension ReshapeLike: ReadsShapes {
  public func readsShapeAlone(of operand: Int) -> Bool { operand == 1 }
}
extension ReduceLike: ReadsShapes {
  public func readsShapeAlone(of operand: Int) -> Bool { operand == 1 }
}
extension ExpandLike: ReadsShapes {
  public func readsShapeAlone(of operand: Int) -> Bool { operand == 1 }
}
extension TopKGradient: ReadsShapes {
  public func readsShapeAlone(of operand: Int) -> Bool { operand == 2 }
}
extension OfCodes: ReadsShapes {
  public func readsShapeAlone(of operand: Int) -> Bool {
    (base as? any ReadsShapes)?.readsShapeAlone(of: operand) ?? false
  }
}
extension Nhwc: ReadsShapes {
  public func readsShapeAlone(of operand: Int) -> Bool {
    (base as? any ReadsShapes)?.readsShapeAlone(of: operand) ?? false
  }
}
