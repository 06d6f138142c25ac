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
    var decider = origin(of: "weights", "activations")
    switch error.place {
    case "weights.signed":
      decider =
        origin(of: "weights.signed", "activations.signed", "weights.scheme", "activations.scheme")
        ?? decider
    case let setting?: decider = origin(of: setting) ?? decider
    case nil: break
    }
    let placed = error.at("layer '\(layer.name)'")
    guard let decider else { return placed }
    return placed.at(decider.place.map { "\($0): \(decider)" } ?? decider.description)
  }
}
