import QATCore

/// Samples to train, calibrate or evaluate with. Conform a type of your own to feed other data.
///
/// A data set describes one sample of each input and makes batches of the samples asked for. It knows
/// no order and no batch size: `BatchSampler` decides those.
///
///     struct Sines: DataSet {
///       let count = 1000
///       let inputs = [DataField("x", .f32, [1])]
///       let targets = [DataField(.f32, [1])]
///       func batch(_ indices: [Int]) throws(Diagnostic) -> Batch {
///         let x = indices.map { Float($0) / 100 }
///         return Batch(
///           inputs: ["x": AnyTensor(shape: [x.count, 1], x)],
///           labels: AnyTensor(shape: [x.count, 1], x.map { sin($0) }))
///       }
///     }
public protocol DataSet: Sendable {
  /// How many samples there are.
  var count: Int { get }
  /// The inputs of one sample. One without a name feeds a model's only input.
  var inputs: [DataField] { get }
  /// What a sample's outputs should be; empty for data without labels.
  var targets: [DataField] { get }
  /// Whether a sample is all that one run of a model takes, and has no batch axis: such samples are run
  /// one by one. False where nothing is said.
  var holdsRuns: Bool { get }
  /// The samples at `indices`, in that order, stacked along a new axis 0.
  ///
  /// - Throws: `invalid-data` for an index outside `0..<count`.
  func batch(_ indices: [Int]) throws(Diagnostic) -> Batch
}

extension DataSet {
  public var targets: [DataField] { [] }
  public var holdsRuns: Bool { false }

  /// Refuses indices outside the data set.
  public func check(_ indices: [Int]) throws(Diagnostic) {
    if let bad = indices.first(where: { !(0..<count).contains($0) }) {
      throw Diagnostic(
        .invalidData, "there is no sample \(bad)", hint: "the data set has \(count) samples")
    }
  }
}

/// One input or target of a sample: its element type and its shape without the batch axis.
public struct DataField: Sendable, Hashable, CustomStringConvertible {
  /// `nil` where the data has no name for it: it goes by position.
  public var name: String?
  /// The type of its elements.
  public var element: ElementType
  /// Of one sample.
  public var shape: [Int]

  /// A field under a name, or by position.
  public init(_ name: String?, _ element: ElementType, _ shape: [Int]) {
    self.name = name
    self.element = element
    self.shape = shape
  }

  /// A field without a name.
  public init(_ element: ElementType, _ shape: [Int]) { self.init(nil, element, shape) }

  /// The key of the tensor in a batch.
  public var key: String { name ?? Batch.unnamed }

  /// `x: f32[N,1,28,28]`.
  public var description: String {
    let sizes = ["N"] + shape.map(String.init)
    return (name.map { "\($0): " } ?? "") + "\(element.name)[\(sizes.joined(separator: ","))]"
  }
}

/// Some samples, stacked along axis 0 of each tensor.
public struct Batch: Sendable, Equatable {
  /// The key of an input or target that has no name.
  public static let unnamed = ""

  /// By the name of the input.
  public var inputs: [String: AnyTensor]
  /// By the name of the output they belong to; a model's only one may go unnamed.
  public var targets: [String: AnyTensor]
  /// How many samples these are.
  public var count: Int

  /// - Precondition: axis 0 of every tensor has the same size.
  public init(inputs: [String: AnyTensor], targets: [String: AnyTensor]) {
    let sizes = Set((Array(inputs.values) + targets.values).map { $0.shape.first ?? 0 })
    precondition(sizes.count == 1, "tensors of a batch have different sizes along axis 0")
    self.inputs = inputs
    self.targets = targets
    count = sizes.first ?? 0
  }

  /// What one run of a model takes.
  init(ofRun inputs: [String: AnyTensor]) {
    self.inputs = inputs
    targets = [:]
    count = 1
  }

  public init(inputs: [String: AnyTensor], labels: AnyTensor? = nil) {
    self.init(inputs: inputs, targets: labels.map { [Self.unnamed: $0] } ?? [:])
  }

  /// The target without a name: class numbers i64[N], or float targets.
  public var labels: AnyTensor? {
    get { targets[Self.unnamed] }
    set { targets[Self.unnamed] = newValue }
  }
}

/// Samples of another data set, in an order of their own.
public struct SubsetDataSet: DataSet {
  private let base: any DataSet
  private let indices: [Int]

  /// - Precondition: every index inside `base`.
  public init(_ base: any DataSet, _ indices: [Int]) {
    precondition(indices.allSatisfy { (0..<base.count).contains($0) }, "an index outside the data")
    self.base = base
    self.indices = indices
  }

  public var count: Int { indices.count }
  public var inputs: [DataField] { base.inputs }
  public var targets: [DataField] { base.targets }
  public var holdsRuns: Bool { base.holdsRuns }

  public func batch(_ indices: [Int]) throws(Diagnostic) -> Batch {
    try check(indices)
    return try base.batch(indices.map { self.indices[$0] })
  }
}
