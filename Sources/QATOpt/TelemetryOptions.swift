import ArgumentParser
import QAT

/// What `train` and `quantize` write down about the quantizers while they train.
struct TelemetryOptions: ParsableArguments {
  @Option(help: "An .npz file for what quantizers did, step by step.") var telemetry: String?
  @Option(help: "Steps from one that is measured to the next.") var telemetryEvery = 10

  func validate() throws {
    if telemetryEvery < 1 { throw ValidationError("--telemetry-every must be 1 or more") }
  }

  /// Watches a step; `nil` where no file was asked for.
  func watch(_ step: TrainingStep, from saved: Checkpoint?) throws(Diagnostic) -> Telemetry? {
    guard telemetry != nil else { return nil }
    return try Telemetry(of: step, every: telemetryEvery, first: saved?.step ?? 0)
  }

  func write(_ watch: Telemetry?) throws(Diagnostic) {
    guard let telemetry, let watch else { return }
    try watch.write(to: telemetry)
  }
}
