import QATCore
import QATIR

/// What an ONNX file says, as plain Swift values: no graph yet, nothing resolved.
public struct ModelFile: Sendable {
  public var irVersion = 8
  public var producerName = ""
  public var producerVersion = ""
  /// The opset of each domain; ONNX's own is the empty one.
  public var opsets: [String: Int] = [:]
  public var metadata: [String: String] = [:]
  public var graph = GraphFile()
  /// Model-local functions, each as the bytes of its message.
  public var functions: [[UInt8]] = []
  /// Everything else: documentation, version, training information, fields of later versions.
  public var rest = Leftovers()

  public init() {}
}

/// A graph of a file.
public struct GraphFile: Sendable {
  public var name = ""
  public var nodes: [NodeFile] = []
  public var initializers: [(name: String, tensor: AnyTensor)] = []
  public var inputs: [ValueFile] = []
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
  public var name = ""
  public var opType = ""
  public var domain = ""
  public var inputs: [String] = []
  public var outputs: [String] = []
  public var attributes: [(name: String, value: AttributeValue)] = []
  public var metadata: [String: String] = [:]
  /// Names that the node's subgraphs take from outside.
  public var captures: [String] = []
  /// Everything else: documentation, overload, documentation of attributes, fields of later versions.
  public var rest = Leftovers()

  public init() {}
}

/// A value's name and type.
public struct ValueFile: Sendable {
  public var name: String
  /// `nil` where it is no tensor, or not known.
  public var type: TensorType?
  /// Everything else: documentation, metadata, denotations, and the whole type of what is no tensor.
  public var rest = Leftovers()

  public init(_ name: String, _ type: TensorType?) {
    self.name = name
    self.type = type
  }
}
