import QATCore
import QATIR

/// A value at the moment at which it has been computed, as a hook sees it.
///
/// Tensors are copied when they are asked for, so a hook that looks at nothing costs next to nothing.
/// Valid inside the hook alone: the memory is used for other values afterwards.
public struct HookEvent {
  /// The name that the hook was added for.
  public let name: String
  private let read: (ValueID) -> AnyTensor?
  private let id: ValueID
  private let operandIDs: [ValueID?]

  init(
    name: String, id: ValueID, operands: [ValueID?], read: @escaping (ValueID) -> AnyTensor?
  ) {
    self.name = name
    self.id = id
    self.read = read
    operandIDs = operands
  }

  /// The value; for a backward hook the gradient of the loss with respect to it. O(n).
  public var value: AnyTensor {
    guard let tensor = read(id) else { preconditionFailure("'\(name)' is not in the plan") }
    return tensor
  }

  /// What the node that computed the value read; empty for inputs, constants and variables. `nil` for
  /// an absent operand. O(n) in their size.
  public func operand(_ index: Int) -> AnyTensor? {
    guard index < operandIDs.count, let id = operandIDs[index] else { return nil }
    return read(id)
  }

  /// How many operands the node has.
  public var operandCount: Int { operandIDs.count }

  /// The same event under another name.
  package func named(_ name: String) -> HookEvent {
    HookEvent(name: name, id: id, operands: operandIDs, read: read)
  }
}

/// A hook that was added, to be removed by.
public struct Hook: Sendable, Hashable {
  package let number: Int
  package init(number: Int) { self.number = number }
}

/// The hooks of a session.
struct Hooks {
  typealias Body = (HookEvent) throws(Diagnostic) -> Void
  private struct Entry {
    let hook: Hook
    let name: String
    let body: Body
  }

  private var entries: [ValueID: [Entry]] = [:]
  private var next = 0

  var isEmpty: Bool { entries.isEmpty }
  /// In the order of the graph.
  var values: [ValueID] { entries.keys.sorted() }

  mutating func add(_ value: ValueID, _ name: String, _ body: @escaping Body) -> Hook {
    let hook = Hook(number: next)
    next += 1
    entries[value, default: []].append(Entry(hook: hook, name: name, body: body))
    return hook
  }

  mutating func remove(_ hook: Hook) {
    for (value, list) in entries {
      let rest = list.filter { $0.hook != hook }
      entries[value] = rest.isEmpty ? nil : rest
    }
  }

  /// Puts the hooks on the values of another graph.
  mutating func move(_ moved: (ValueID) -> ValueID?) {
    var result: [ValueID: [Entry]] = [:]
    for (value, list) in entries { if let new = moved(value) { result[new] = list } }
    entries = result
  }

  /// Calls the hooks of a value, in the order in which they were added.
  func fire(_ value: ValueID, in plan: Plan) throws(Diagnostic) {
    guard let list = entries[value] else { return }
    let operands = plan.graph.producer(of: value).map { plan.graph[$0].operands } ?? []
    for entry in list {
      let event = HookEvent(name: entry.name, id: value, operands: operands) { plan.tensor($0) }
      do throws(Diagnostic) { try entry.body(event) } catch {
        throw error.at("hook on '\(entry.name)'")
      }
    }
  }
}
