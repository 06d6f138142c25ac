import QATConfig
import QATCore

extension CheckTarget.Target {
  /// Refuses what the configuration asks for in a layer and the target can't run: before anything is
  /// calibrated or trained.
  ///
  /// - Throws: `unsupported`, with the settings that are at odds as its place: `weights.signed`.
  func check(_ layer: ResolvedLayer) throws(Diagnostic) {
    guard let activations = layer.activations else { return }
    if activations.granularity != .perTensor {
      throw Diagnostic(
        .unsupported, "\(rawValue) has one scale for a tensor of activations",
        at: "activations.granularity", hint: "use granularity: per-tensor")
    }
    guard let weights = layer.weights, layer.layer.index != nil else { return }
    if activations.signed && !weights.signed {
      throw Diagnostic(
        .unsupported, "\(rawValue) has no signed activations with unsigned weights",
        at: "weights.signed",
        hint: "make the weights signed: true, or the activations signed: false")
    }
  }
}

extension ResolvedLayer {
  /// The diagnostic at the layer, and in front of that at the rule that made the setting it is about
  /// (any rule of the layer, where its place is no setting).
  func placing(_ error: Diagnostic) -> Diagnostic {
    let origin =
      error.place.flatMap { $0.contains(".") ? origin(of: $0) : nil }
      ?? (error.place == "weights.signed" ? origin(of: "activations.signed") : nil)
      ?? origin(of: "weights", "activations")
    let placed = error.at("layer '\(layer.name)'")
    guard let origin else { return placed }
    return placed.at(origin.place.map { "\($0): \(origin)" } ?? origin.description)
  }
}
