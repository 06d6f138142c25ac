import QATCore
import QATIR
import QATRewrite

/// The codes of a parameter on a grid, as nodes: `QuantizeLinear`, and a `Clip` where the grid is
/// narrower than its container.
///
/// - Parameters:
///   - zeroPoint: of any integer type; `nil` for 0.
///   - blockSize: neighbours along the axis that share a scale; 0 for one a channel.
func quantizedCodes(
  _ x: Term, _ scale: Term, zeroPoint: Term?, grid: IntegerGrid, axis: Int?, blockSize: Int = 0
) -> Term {
  let zero: Term = Term { builder in
    if let zeroPoint {
      return codesOfZero(zeroPoint, grid).emit(in: &builder)
    }
    let s = scale.emit(in: &builder)
    let sizes = builder.type(of: s).shape?.sizes ?? []
    return builder.constant(zeros(sizes, grid.container), name: "zero_point")
  }
  var op = QuantizeLinear()
  if let axis { op.axis = axis }
  op.blockSize = blockSize
  let codes: Term = .op(op, [x, scale, zero])
  return Term { builder in
    let name = builder.namePrefix + "codes"
    return (grid.fillsContainer ? codes : clipped(codes, to: grid)).named(name)
      .emit(in: &builder)
  }
}

/// A zero point in the container of its grid.
func codesOfZero(_ zeroPoint: Term, _ grid: IntegerGrid) -> Term {
  Term { builder in
    let name = builder.namePrefix + "zero_point"
    return Term.op(Cast(to: grid.container), [zeroPoint]).named(name).emit(in: &builder)
  }
}

/// Codes saturated to a grid that is narrower than their container.
func clipped(_ codes: Term, to grid: IntegerGrid) -> Term {
  .op(
    Clip(),
    [
      codes, .constant(code(grid.min, grid.container), name: "lowest"),
      .constant(code(grid.max, grid.container), name: "highest"),
    ])
}

extension IntegerGrid {
  /// Whether the container holds the negative of every code: the lowest code of a full int8 has none,
  /// that of an int4 in a byte has.
  var isNegatable: Bool { isSigned && (isNarrow || bits < container.bitWidth) }
}

/// A scalar of a container type.
func code(_ integer: Int, _ container: ElementType) -> AnyTensor {
  switch container {
  case .i8: AnyTensor(Int8(integer))
  case .u8: AnyTensor(UInt8(integer))
  case .i16: AnyTensor(Int16(integer))
  default: AnyTensor(UInt16(integer))
  }
}

/// A tensor of zeros. A large one takes memory where it is looked at alone: an optimizer has as many as
/// there are weights, and keeps its state elsewhere.
func zeros(_ sizes: [Int], _ container: ElementType) -> AnyTensor {
  let byteCount = container.byteCount(sizes.reduce(1, *))
  let fill = { @Sendable in
    unsafe TensorStorage(byteCount: byteCount) {
      unsafe $0.initializeMemory(as: UInt8.self, repeating: 0)
    }
  }
  return AnyTensor(
    container, shape: sizes,
    storage: byteCount < DerivedStorage.smallest
      ? fill() : DerivedStorage(byteCount: byteCount, make: fill))
}

extension Graph {
  /// Whether a value is the result of an operation that says on which grid it lies.
  func isOnGrid(_ value: ValueID) -> Bool {
    producer(of: value).map { self[$0].op is any MarksGrid } ?? false
  }
}
