import QATCore
import QATIR

/// What an ONNX file says, as plain Swift values: no graph yet, nothing resolved.
public struct ModelFile: Sendable {
  /// ONNX's `ir_version`.
  public var irVersion = 8
  /// What made the file.
  public var producerName = ""
  /// Its version.
  public var producerVersion = ""
  /// The opset of each domain; ONNX's own is the empty one.
  public var opsets: [String: Int] = [:]
  /// Notes on the model.
  public var metadata: [String: String] = [:]
  /// The computation.
  public var graph = GraphFile()
  /// Model-local functions, each as the bytes of its message.
  public var functions: [[UInt8]] = []
  /// Everything else: documentation, version, training information, fields of later versions.
  public var rest = Leftovers()

  public init() {}
}

/// A graph of a file.
public struct GraphFile: Sendable {
  /// The name of the graph.
  public var name = ""
  /// In topological order.
  public var nodes: [NodeFile] = []
  /// Constants by name.
  public var initializers: [(name: String, tensor: AnyTensor)] = []
  /// What a run is given.
  public var inputs: [ValueFile] = []
  /// What a run gives back.
  public var outputs: [ValueFile] = []
  /// Types of values in between.
  public var values: [ValueFile] = []
  /// What initializers say beside name and contents, by name.
  public var initializerRests: [String: Leftovers] = [:]
  /// Everything else: documentation, metadata, quantization annotations, fields of later versions.
  public var rest = Leftovers()

  public init() {}
}

/// A node of a file; an empty name stands for an absent operand or result.
public struct NodeFile: Sendable {
  /// Empty where the file has none.
  public var name = ""
  /// The operation inside its domain.
  public var opType = ""
  /// Empty for ONNX's own.
  public var domain = ""
  /// Names of values; empty for one that is absent.
  public var inputs: [String] = []
  /// Names of values; empty for one that is not wanted.
  public var outputs: [String] = []
  /// By name, in the order of the file.
  public var attributes: [(name: String, value: AttributeValue)] = []
  /// Notes on the node.
  public var metadata: [String: String] = [:]
  /// The graphs among the attributes, by name; `attributes` has their bytes.
  public var subgraphs: [(name: String, graph: GraphFile)] = []
  /// Names that the node's subgraphs take from outside.
  public var captures: [String] = []
  /// Which of several functions of one name it calls.
  public var overload = ""
  /// In a function: attributes whose values are the caller's, with their names there.
  public var references: [(name: String, callers: String)] = []
  /// The opset that it is meant in, where that is not the model's.
  public var opset: Int?
  /// Everything else: documentation, overload, documentation of attributes, fields of later versions.
  public var rest = Leftovers()

  public init() {}
}

/// A value's name and type.
public struct ValueFile: Sendable {
  /// Of the value.
  public var name: String
  /// `nil` where it is no tensor, or not known.
  public var type: TensorType?
  /// Whether it may be a tensor: it is no sequence, map or optional.
  public var isTensor = true
  /// Everything else: documentation, metadata, denotations, and the whole type of what is no tensor.
  public var rest = Leftovers()

  /// A value; without a type where the file gives none.
  public init(_ name: String, _ type: TensorType?) {
    self.name = name
    self.type = type
  }
}
