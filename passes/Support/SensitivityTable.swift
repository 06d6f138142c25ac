import QATConfig
import QATCore
import QATIR
import QATRewrite

/// How much each layer costs when it alone is quantized and all others stay in float.
public struct SensitivityTable: Sendable, Equatable {
  /// One layer at one width.
  public struct Entry: Sendable, Equatable {
    /// The name of the layer.
    public var layer: String
    /// The operation: `Conv`, `Gemm`, `Add`, …
    public var opType: String
    /// The width asked for; `nil` for that of the configuration.
    public var width: LayerWidth?
    /// `nil` where the weights are in float, or there are none.
    public var weightBits: Int?
    /// `nil` where the activations are in float.
    public var activationBits: Int?
    /// Elements of the weight; 0 where none is quantized.
    public var weightCount: Int
    /// Σ (y - ŷ)² / Σ y² over the model's outputs y, those of the float model.
    public var noise: Double
    /// The float model's score less that of this one, in units of the score (accuracy: 0…1); `nil`
    /// where the data has no labels.
    public var drop: Double?

    /// The signal of the outputs against the noise, in dB.
    public var sqnr: Double { decibels(ofNoise: noise) }
    /// `W4A8`, `A8`, `W4`.
    public var bits: String {
      (weightBits.map { "W\($0)" } ?? "") + (activationBits.map { "A\($0)" } ?? "")
    }
  }

  /// By layer in the order they run, and by width as they were asked for.
  public var entries: [Entry]
  /// The float model's score; `nil` where the data has no labels.
  public var floatScore: Double?

  public init(entries: [Entry], floatScore: Double? = nil) {
    self.entries = entries
    self.floatScore = floatScore
  }

  /// The entries with the most noise first.
  public var ranking: [Entry] {
    let ordered = entries.enumerated().sorted { a, b in
      (b.element.noise, a.offset) < (a.element.noise, b.offset)
    }
    return ordered.map(\.element)
  }

  /// The names of the layers, in the order they run.
  public var layers: [String] {
    var seen: Set<String> = []
    return entries.map(\.layer).filter { seen.insert($0).inserted }
  }

  /// What a layer costs at a width; `nil` where that was not measured.
  public func entry(_ layer: String, _ width: LayerWidth?) -> Entry? {
    entries.first { $0.layer == layer && $0.width == width }
  }
}

extension SensitivityTable {
  /// Measures: for each width one calibration of all layers, and for each layer one run over the data.
  ///
  /// - Parameters:
  ///   - graph: a float graph with the notes of `apply-layer-config`.
  ///   - widths: what to give each layer; `nil` stands for what its notes say. A layer without weights
  ///     takes only the bits of activations.
  ///   - progress: called with the measurements done and all there are.
  ///   - probe: runs a graph over the data: it is called with the float graph first.
  /// - Throws: what calibrating and running throw.
  public init(
    of graph: Graph, widths: [LayerWidth?], _ context: PassContext,
    progress: (_ done: Int, _ all: Int) -> Void = { _, _ in },
    probe: (Graph) throws(Diagnostic) -> Probe
  ) throws(Diagnostic) {
    let float = try probe(graph)
    let layers = graph.quantizedLayers
    var measured: [String: Entry] = [:]
    var columns: [[Entry]] = []
    for (widthIndex, width) in widths.enumerated() {
      var sized = graph
      for id in layers {
        guard let width, let settings = graph.layerSettings(of: id) else { continue }
        sized.setLayerSettings(try settings.atWidth(width), of: id)
      }
      var quantized: Graph?
      var column: [Entry] = []
      for (layerIndex, id) in layers.enumerated() {
        progress(widthIndex * layers.count + layerIndex, widths.count * layers.count)
        let name = graph[id].name, settings = sized.layerSettings(of: id)
        let count = graph.quantizedWeightCount(of: id)
        let weights = count > 0 ? settings?.weights : nil
        let key = "\(name)\n\(weights?.text ?? "")\n\(settings?.activations?.text ?? "")"
        if var known = measured[key] {
          known.width = width
          column.append(known)
          continue
        }
        var entry = Entry(
          layer: name, opType: graph[id].op.name.type, width: width,
          weightBits: weights?.grid.bits,
          activationBits: settings?.activations?.grid.bits, weightCount: count, noise: 0)
        if quantized == nil { quantized = try sized.fakeQuantized(context) }
        guard let form = quantized, let layer = form.node(named: name) else {
          throw Diagnostic(.invalidGraph, "the layer '\(name)' is gone")
        }
        let result = try probe(try form.quantizingOnly([layer]))
        entry.noise = try float.noise(of: result)
        if let before = float.score, let after = result.score { entry.drop = before - after }
        measured[key] = entry
        column.append(entry)
      }
      columns.append(column)
    }
    let entries = layers.indices.flatMap { index in columns.map { $0[index] } }
    self.init(entries: entries, floatScore: float.score)
  }
}

extension Graph {
  /// The graph with fake-quantizers where its notes ask for them, their ranges observed.
  func fakeQuantized(_ context: PassContext) throws(Diagnostic) -> Graph {
    var result = self, context = context
    try Pipeline([InsertFakeQuant(), ShareScales(), Calibrate()]).run(on: &result, &context)
    return result
  }
}

extension SensitivityTable: CustomStringConvertible {
  /// The ranking as a table; a layer that several widths leave on the same grids stands there once.
  public var description: String {
    var rows = [["layer", "op", "bits", "SQNR dB", "drop", "weights"]]
    var seen: Set<[String]> = []
    for entry in ranking where seen.insert([entry.layer, entry.bits]).inserted {
      rows.append([
        entry.layer, entry.opType, entry.bits, fixed(entry.sqnr, 1),
        entry.drop.map { fixed(100 * $0, 2) } ?? "-",
        entry.weightCount == 0 ? "-" : "\(entry.weightCount)",
      ])
    }
    return table(rows)
  }
}
