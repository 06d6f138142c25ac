import QATCore

/// The passes and named pipelines that a pipeline text may name.
public struct PassRegistry: Sendable {
  /// In the order they are listed.
  public private(set) var all: [any Pass.Type]
  /// Named pipelines: the text each one stands for.
  public private(set) var pipelines: [String: String]

  /// Passes, and named pipelines as text.
  public init(_ passes: [any Pass.Type], pipelines: [String: String] = [:]) {
    all = passes
    self.pipelines = pipelines
  }

  /// Adds passes behind the ones that are there; one of a known name replaces it.
  public mutating func register(_ passes: [any Pass.Type]) {
    for pass in passes {
      all.removeAll { $0.name == pass.name }
      all.append(pass)
    }
  }

  /// Gives a pipeline a name; one of that name before is replaced.
  public mutating func register(pipeline name: String, _ text: String) { pipelines[name] = text }

  /// The pass of a name.
  public subscript(name: PassName) -> (any Pass.Type)? { all.first { $0.name == name } }

  var names: [String] { all.map { $0.name } + pipelines.keys.sorted() }
}
