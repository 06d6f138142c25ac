import QATCore
import QATIR

/// A local rewrite: what it matches, what it makes. Conditions stand in the pattern, so that a
/// rewrite that starts can finish.
public protocol RewriteRule: Sendable {
  /// What it matches.
  var pattern: Pattern { get }
  /// Changes the graph where the pattern matched.
  func rewrite(_ match: Match, in graph: inout GraphEditor)
}

/// A pass that is one rewrite rule, applied until it matches nowhere.
public protocol RewritePass: Pass, RewriteRule {}

extension RewritePass {
  /// What a rule makes means the same anywhere.
  public static var entersBodies: Bool { true }

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    _ = try applyRules([self], to: &graph)
  }
}

/// Applies rules in topological order until none matches, looking again at what a rewrite touched.
///
/// - Returns: how many rewrites were made.
/// - Throws: what a rewrite emitted wrongly; or `invalid-graph` where the rules do not come to an end.
@discardableResult
public func applyRules(_ rules: [any RewriteRule], to graph: inout Graph) throws(Diagnostic) -> Int
{
  let patterns = rules.map { (rule: $0, pattern: $0.pattern) }
  // Of each type of operation, the rules that may match there.
  var candidates: [ObjectIdentifier: [(rule: any RewriteRule, pattern: Pattern)]] = [:]
  var editor = GraphEditor(graph)
  var worklist = Array(graph.nodes.reversed())
  var queued = Set(worklist)
  let limit = 1_000 + 50 * worklist.count
  var rewrites = 0
  while let node = worklist.popLast() {
    queued.remove(node)
    guard editor.graph.contains(node) else { continue }
    let (op, results) = (editor.graph[node].op, editor.graph[node].results)
    guard let first = results.first, let value = first else { continue }
    let root = ObjectIdentifier(type(of: op))
    if candidates[root] == nil {
      candidates[root] = patterns.filter { $0.pattern.root == nil || $0.pattern.root == root }
    }
    for (rule, pattern) in candidates[root] ?? [] {
      var match = Match(root: node)
      guard pattern.matches(value, editor.graph, &match) else { continue }
      let before = editor.changes
      rule.rewrite(match, in: &editor)
      guard editor.changes > before else { continue }
      rewrites += 1
      if let failure = editor.builder.failure { throw failure }
      if rewrites > limit {
        throw Diagnostic(.invalidGraph, "the rewrites do not come to an end (\(limit) made)")
      }
      for next in editor.takeTouched() where editor.graph.contains(next) && !queued.contains(next) {
        worklist.append(next)
        queued.insert(next)
      }
      break
    }
  }
  graph = editor.graph
  return rewrites
}
