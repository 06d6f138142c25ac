import ArgumentParser
import QAT

/// `qat-opt run MODEL --input-dir DIR --output-dir DIR`: runs a model on tensors in files.
struct RunCommand: DiagnosedCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Run a model on tensors in files.")

  @Argument(help: "The model: .onnx or .qir.") var model: String
  @Option(help: "A folder with input_0.pb, input_1.pb, … (ONNX TensorProto).") var inputDir: String?
  @Option(help: "Where output_0.pb, output_1.pb, … go.") var outputDir: String?
  @Option(help: "NAME=FILE.npy, for one input.") var input: [String] = []
  @Option(name: .customLong("output"), help: "NAME=FILE.npy, for one output.") var outputs:
    [String] = []
  @Option(help: "Writes every value as DIR/N.npy, with DIR/index.json.") var dumpAll: String?
  @Option(help: "Threads; 0 for one on each core.") var threads = 0
  @Flag(help: "Use the reference evaluations alone.") var reference = false

  func validate() throws {
    if inputDir == nil && input.isEmpty && outputDir == nil && outputs.isEmpty {
      throw ValidationError("give --input-dir, or --input NAME=FILE.npy")
    }
  }

  func execute() throws(Diagnostic) {
    var graph = try GraphFiles.read(model, registry: QatOpt.tools.ops)
    // Values inside integer regions have names of their own only in the graph as it is.
    if !reference && dumpAll == nil { graph = try graph.preparedToRun() }
    let inputs = try readInputs(of: graph)
    let values: [String: AnyTensor]
    if reference {
      values = try ReferenceEvaluator(graph).evaluate(inputs).values
    } else {
      let session = try Session(
        graph, watching: dumpAll == nil ? [] : nil, threads: threads)
      let results = try session.run(inputs)
      var named: [String: AnyTensor] = [:]
      for (id, tensor) in zip(graph.outputs, results) { named[graph[id].name] = tensor }
      if dumpAll != nil {
        for id in graph.allValues { named[graph[id].name] = session.value(graph[id].name) }
      }
      values = named
    }
    try writeOutputs(of: graph, values)
    if let dumpAll { try dump(values, to: dumpAll) }
  }

  private func readInputs(of graph: Graph) throws(Diagnostic) -> [String: AnyTensor] {
    var result: [String: AnyTensor] = [:]
    if let inputDir {
      for (index, id) in graph.inputs.enumerated() {
        result[graph[id].name] = try TensorFile.read("\(inputDir)/input_\(index).pb").tensor
      }
    }
    for argument in input {
      let (name, path) = try pair(argument, "--input")
      result[name] = try NPY.read(path)
    }
    return result
  }

  private func writeOutputs(of graph: Graph, _ values: [String: AnyTensor]) throws(Diagnostic) {
    if let outputDir {
      try FileSystem.makeFolder(outputDir)
      for (index, id) in graph.outputs.enumerated() {
        guard let tensor = values[graph[id].name] else { continue }
        try TensorFile.write(tensor, name: graph[id].name, to: "\(outputDir)/output_\(index).pb")
      }
    }
    for argument in outputs {
      let (name, path) = try pair(argument, "--output")
      guard let tensor = values[name] else {
        throw Diagnostic(
          .invalidOption, "the model has no output '\(name)'",
          hint: nameHint(name, among: graph.outputs.map { graph[$0].name }))
      }
      try NPY.write(tensor, to: path)
    }
  }

  private func dump(_ values: [String: AnyTensor], to folder: String) throws(Diagnostic) {
    try FileSystem.makeFolder(folder)
    var entries: [String] = []
    for (index, name) in values.keys.sorted().enumerated() {
      guard let tensor = values[name], tensor.element.bitWidth >= 8 else { continue }
      try NPY.write(tensor, to: "\(folder)/\(index).npy")
      entries.append("{\"name\": \(quoted(name)), \"file\": \"\(index).npy\"}")
    }
    try AtomicFile.write(
      text: "[\n\(entries.joined(separator: ",\n"))\n]\n", to: folder + "/index.json")
  }

  private func pair(_ argument: String, _ option: String) throws(Diagnostic) -> (String, String) {
    guard let split = argument.lastIndex(of: "=") else {
      throw Diagnostic(.invalidOption, "\(option) \(argument)", hint: "write NAME=FILE.npy")
    }
    return (String(argument[..<split]), String(argument[argument.index(after: split)...]))
  }
}
