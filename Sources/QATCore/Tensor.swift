/// A dense tensor of one Swift type, row-major: the form to compute with in plain Swift.
///
///     var a = Tensor<Float>(shape: [2, 3], [1, 2, 3, 4, 5, 6])
///     a[1, 2] = 7
///     let rows = try a.reshaped(checking: [3, -1])
///
/// A value: assignment is the clone. Copies share their elements until one of them is changed. A
/// shape or an index that the program chose is a precondition, as for `Array`; for those that come
/// from outside there are `init(checking:)`, `element(at:)` and `reshaped(checking:)`, which throw.
///
/// `Scalar` is `Float`, `Double`, an integer of 8 to 64 bits, signed or not, `Bool`, or one of the
/// storage types `Half` and `BrainFloat`.
public struct Tensor<Scalar: TensorScalar>: Sendable, Equatable {
  /// Sizes, outermost first; empty for a scalar.
  public private(set) var shape: [Int]
  private var storage: [Scalar]

  /// In row-major order; as many as there are, whatever is assigned. Changing one is O(1).
  public var elements: [Scalar] {
    get { storage }
    // An observer that looks at the old value would copy all elements at each change.
    _modify {
      let count = storage.count
      yield &storage
      precondition(storage.count == count, "a tensor keeps its size")
    }
  }

  /// - Precondition: as many elements as the shape asks for.
  public init(shape: [Int], _ elements: [Scalar]) {
    precondition(elements.count == shape.reduce(1, *), "\(elements.count) elements for \(shape)")
    self.shape = shape
    storage = elements
  }

  /// All elements the same; zeros where none is given.
  public init(shape: [Int], repeating scalar: Scalar = .zero) {
    self.init(shape: shape, Array(repeating: scalar, count: shape.reduce(1, *)))
  }

  /// A scalar: shape `[]`.
  public init(_ scalar: Scalar) { self.init(shape: [], [scalar]) }

  /// How many dimensions there are.
  public var rank: Int { shape.count }
  /// How many elements there are.
  public var count: Int { storage.count }
  /// Bytes of the elements.
  public var byteCount: Int { count * MemoryLayout<Scalar>.stride }

  /// Distance in elements between neighbours along each axis.
  public var strides: [Int] { rowMajorStrides(shape) }

  /// - Precondition: every index inside its dimension.
  public subscript(index: [Int]) -> Scalar {
    get { elements[offset(of: index)] }
    set { elements[offset(of: index)] = newValue }
  }

  /// The element at an index along each axis.
  /// - Precondition: every index inside its dimension.
  public subscript(index: Int...) -> Scalar {
    get { elements[offset(of: index)] }
    set { elements[offset(of: index)] = newValue }
  }

  /// The same elements under another shape. O(1).
  /// - Precondition: as many elements.
  public func reshaped(_ shape: [Int]) -> Tensor { Tensor(shape: shape, elements) }

  /// `body` of every element.
  public func map<Other: TensorScalar>(_ body: (Scalar) -> Other) -> Tensor<Other> {
    Tensor<Other>(shape: shape, elements.map(body))
  }

  private func offset(of index: [Int]) -> Int {
    precondition(index.count == rank, "\(index.count) indices for rank \(rank)")
    return zip(zip(index, shape), strides).reduce(0) { sum, next in
      precondition((0..<next.0.1).contains(next.0.0), "index \(index) outside \(shape)")
      return sum + next.0.0 * next.1
    }
  }
}

extension Tensor {
  /// The typed form, or `nil` where the element type is another one. O(n).
  public init?(_ tensor: AnyTensor) {
    guard let elements = tensor.elements(as: Scalar.self) else { return nil }
    self.init(shape: tensor.shape, elements)
  }
}

extension AnyTensor {
  /// The same elements, whose type is known when running. O(n).
  public init<Scalar: TensorScalar>(_ tensor: Tensor<Scalar>) {
    self.init(shape: tensor.shape, tensor.elements)
  }
}

/// Distance in elements between neighbours along each axis of a row-major tensor.
public func rowMajorStrides(_ shape: [Int]) -> [Int] {
  var strides = Array(repeating: 1, count: shape.count)
  for axis in shape.indices.dropLast().reversed() {
    strides[axis] = strides[axis + 1] * shape[axis + 1]
  }
  return strides
}
