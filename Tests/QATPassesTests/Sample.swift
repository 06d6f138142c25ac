import QATCore
import QATIR
import QATPasses
import QATRewrite

/// A small model of `Tests/Samples`, and the forms that pipelines give it.
enum Sample {
  static func names() throws -> [String] { try stems(in: "Tests/Samples", extension: "qir") }

  static func graph(_ name: String) throws -> Graph {
    try Graph(text: contents("Tests/Samples/\(name).qir"), fileName: "\(name).qir")
  }

  /// What a pass may meet, by the pipeline that leads there.
  static let forms = [
    "", "make-trainable", "make-trainable,attach-loss{kind=mse}",
    "make-trainable,attach-loss{kind=mse},differentiate", "ptq", "make-trainable,ptq",
    "apply-layer-config,insert-fake-quant,calibrate,freeze,canonicalize,fold-constants",
    "apply-layer-config{preset=mobile-optimized},insert-fake-quant,calibrate,freeze,canonicalize,fold-constants",
    "ptq-qdq", "ptq-qoperator",
  ]

  /// Every sample in every form, by name and pipeline; made once.
  static let all: Result<[String: [String: Graph]], any Error> = Result {
    var result: [String: [String: Graph]] = [:]
    for name in try names() {
      for form in forms { result[name, default: [:]][form] = try graph(name, after: form) }
    }
    return result
  }

  static func graph(_ name: String, after pipeline: String) throws -> Graph {
    var graph = try graph(name)
    var context = PassContext.forTests(graph)
    try Pipeline(pipeline, registry: .withPipelines)
      .run(on: &graph, &context, instruments: [VerifyEach()])
    return graph
  }
}
