import ArgumentParser
import QAT

/// What `train` and `quantize` learn from: the float model in place of labels, or beside them.
struct DistillOptions: ParsableArguments {
  @Flag(help: "Learn the outputs of the float model; the data needs no labels.")
  var distill = false
  @Option(help: "Another model to learn from: .onnx or .qir.") var teacher: String?
  @Option(help: "kl (of softened outputs) or mse; kl where left out.") var distillKind: String?
  @Option(help: "What outputs are divided by before they are compared, of kl; 1 where left out.")
  var distillTemperature: Float?
  @Option(help: "Weight of the teacher's part of the loss; 1 where left out.")
  var distillWeight: Float?
  @Option(help: "Inner values to learn, too: NAME or GLOB, with =WEIGHT or without; repeatable.")
  var distillValues: [String] = []
  @Option(help: "Weight of the labels' part of the loss; 0, no labels, where left out.")
  var labelWeight: Float?

  func validate() throws {
    let isSet =
      teacher != nil || distillKind != nil || distillTemperature != nil || distillWeight != nil
      || !distillValues.isEmpty || labelWeight != nil
    if isSet && !distill {
      throw ValidationError(
        "--teacher, --label-weight and the options --distill-… belong to --distill")
    }
  }

  /// Takes over the options of the run that is resumed.
  /// - Throws: `invalid-option` where one is given and was another.
  mutating func resolve(_ settings: inout RunSettings) throws(Diagnostic) {
    try settings.merge(&distill, "distill")
    try settings.merge(&teacher, "teacher")
    try settings.merge(&distillKind, "distill-kind")
    try settings.merge(&distillTemperature, "distill-temperature")
    try settings.merge(&distillWeight, "distill-weight")
    try settings.merge(&labelWeight, "label-weight")
    var values = distillValues.isEmpty ? nil : distillValues.joined(separator: "\n")
    try settings.merge(&values, "distill-values")
    distillValues = values?.split(separator: "\n").map(String.init) ?? []
  }

  /// The loss of a distillation; `nil` where none was asked for.
  func loss(labels: StandardLoss, float: Graph) throws(Diagnostic) -> (any Loss)? {
    guard distill else { return nil }
    var result = Distillation(teacher: float)
    if let teacher {
      result.teacher = try GraphFiles.read(teacher, registry: QatOpt.tools.ops)
    }
    if let distillKind {
      guard let kind = Distillation.Kind(optionText: distillKind) else {
        throw Diagnostic(
          .invalidOption, "--distill-kind \(distillKind)",
          hint: "expected \(Distillation.Kind.optionValues)")
      }
      result.kind = kind
    }
    result.temperature = distillTemperature ?? result.temperature
    result.weight = distillWeight ?? result.weight
    for text in distillValues { result.values.append(try ValueMatch(parsing: text)) }
    if let labelWeight, labelWeight != 0 {
      result.labels = labels
      result.labelWeight = labelWeight
    }
    return result
  }
}
