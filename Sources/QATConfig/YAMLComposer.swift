/// Makes nodes of the events of a YAML text. An alias (`*name`) is the node it stands for, shared.
struct YAMLComposer: ~Copyable {
  /// Settings are a few levels deep: what goes deeper is a mistake.
  private static let mostLevels = 64

  private var events: YAMLEvents
  private var anchors: [String: YAMLNode] = [:]

  init(_ text: String) throws(YAMLEvents.Problem) { events = try YAMLEvents(of: text) }

  /// The one document of the text, or `nil` where there is none.
  mutating func document() throws(YAMLEvents.Problem) -> YAMLNode? {
    _ = try events.next()  // the start of the stream
    guard case (.documentStart, _) = try events.next() else { return nil }
    let node = try node(try events.next(), level: 0)
    _ = try events.next()  // the end of the document
    if case (.documentStart, let mark) = try events.next() {
      throw YAMLEvents.Problem(text: "a second document begins", mark: mark)
    }
    return node
  }

  private mutating func node(
    _ event: (YAMLEvents.Event, YAMLMark), level: Int
  ) throws(YAMLEvents.Problem) -> YAMLNode {
    let (event, mark) = event
    guard level < Self.mostLevels else {
      throw YAMLEvents.Problem(text: "more than \(Self.mostLevels) levels", mark: mark)
    }
    switch event {
    case .alias(let name):
      // An anchor means its node from that node's end on: none contains itself.
      guard let node = anchors[name] else {
        throw YAMLEvents.Problem(text: "nothing before is named '&\(name)'", mark: mark)
      }
      return node
    case .scalar(let text, let anchor):
      return kept(YAMLNode(content: .scalar(text), mark: mark), as: anchor)
    case .sequenceStart(let anchor):
      let nodes = try sequence(level: level + 1)
      return kept(YAMLNode(content: .sequence(nodes), mark: mark), as: anchor)
    case .mappingStart(let anchor):
      let pairs = try mapping(level: level + 1)
      return kept(YAMLNode(content: .mapping(pairs), mark: mark), as: anchor)
    default: throw YAMLEvents.Problem(text: "a value is missing", mark: mark)
    }
  }

  private mutating func sequence(level: Int) throws(YAMLEvents.Problem) -> [YAMLNode] {
    var nodes: [YAMLNode] = []
    while true {
      let event = try events.next()
      if case .sequenceEnd = event.0 { return nodes }
      nodes.append(try node(event, level: level))
    }
  }

  private mutating func mapping(
    level: Int
  ) throws(YAMLEvents.Problem) -> [(key: YAMLNode, value: YAMLNode)] {
    var pairs: [(YAMLNode, YAMLNode)] = []
    while true {
      let event = try events.next()
      if case .mappingEnd = event.0 { return pairs }
      let key = try node(event, level: level)
      pairs.append((key, try node(try events.next(), level: level)))
    }
  }

  private mutating func kept(_ node: YAMLNode, as anchor: String?) -> YAMLNode {
    if let anchor { anchors[anchor] = node }
    return node
  }
}
