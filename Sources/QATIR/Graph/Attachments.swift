/// What a file says of a part of the graph that the graph has no place for: documentation,
/// annotations, fields of later versions of the format.
///
/// It is kept for writing it back, by the part's name: no pass looks at it, whatever takes over a name
/// takes over what is attached, and what is attached to a name that is gone is gone too.
extension Graph {
  /// What something is attached to.
  public enum Part: Hashable, Sendable, Comparable {
    /// The file as a whole.
    case model
    /// What belongs to the graph.
    case graph
    /// What belongs to the node of that name.
    case node(String)
    /// A value as the graph declares it.
    case value(String)
    /// The contents of a constant or a variable.
    case tensor(String)
  }

  /// The attachments whose part is in the graph, in the order of the parts. O(n log n).
  public var livingAttachments: [(part: Part, bytes: [UInt8])] {
    attachments.filter { part, _ in
      switch part {
      case .model, .graph: true
      case .node(let name): node(named: name) != nil
      case .value(let name): value(named: name) != nil
      case .tensor(let name): value(named: name).map { self[$0].parameter != nil } ?? false
      }
    }
    .sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }
}
