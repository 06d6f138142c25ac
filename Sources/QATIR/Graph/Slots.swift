import QATCore

/// Elements by number, of which some were removed: what a graph keeps its nodes and values in.
///
/// Not an array of optionals, so that an element can be lent where it lies: a copy of a node or a value
/// costs a retain for each of its arrays, texts and dictionaries.
struct Slots<Element: SlotElement>: Sendable {
  private var elements: [Element] = []
  private var isLive: [Bool] = []
  /// How many elements there are, without those that were removed.
  private(set) var liveCount = 0

  /// The numbers given out so far.
  var indices: Range<Int> { elements.indices }

  func contains(_ index: Int) -> Bool { isLive.indices.contains(index) && isLive[index] }

  /// - Precondition: there is such an element.
  subscript(index: Int) -> Element {
    _read {
      precondition(isLive[index], "it was removed")
      // A span lends the element; the array would copy it.
      yield elements.span[index]
    }
    _modify {
      precondition(isLive[index], "it was removed")
      yield &elements[index]
    }
  }

  /// Adds an element under the next number.
  mutating func append(_ element: Element) {
    elements.append(element)
    isLive.append(true)
    liveCount += 1
  }

  mutating func remove(_ index: Int) {
    precondition(isLive[index], "it was removed")
    elements[index] = .removed
    isLive[index] = false
    liveCount -= 1
  }

  mutating func reserveCapacity(_ count: Int) {
    elements.reserveCapacity(count)
    isLive.reserveCapacity(count)
  }
}

/// What can be kept in slots.
protocol SlotElement: Sendable {
  /// What stands in the place of one that was removed.
  static var removed: Self { get }
}

extension Value: SlotElement {
  static let removed = Value(name: "", type: TensorType(.f32, nil), definition: .input)
}

extension Node: SlotElement {
  static let removed = Node(op: Identity(), operands: [], results: [], name: "")
}
