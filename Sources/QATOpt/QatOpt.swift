import ArgumentParser
public import QAT
import Synchronization

/// The command `qat-opt`, as a library: a package of yours starts it with passes and operations of
/// its own.
///
///     QatOpt.main(passes: [MyPass.self], ops: [MyOp.self])
public enum QatOpt {
  /// Runs the command with the process's arguments and ends the process: 0 success, 1 the work failed,
  /// 64 bad usage.
  public static func main(
    passes: [any Pass.Type] = [], ops: [any Operation.Type] = []
  ) -> Never {
    own.withLock { $0 = (passes, ops) }
    RootCommand.main()
    RootCommand.exit()
  }

  /// What the subcommands work with.
  struct Toolbox: Sendable {
    fileprivate(set) var passes: PassRegistry = .withPipelines
    fileprivate(set) var ops = OpRegistry.builtin
  }

  /// What the caller of `main` adds.
  private static let own = Mutex<(passes: [any Pass.Type], ops: [any Operation.Type])>(([], []))
  /// Made when it is first asked for: a fifth of what it takes to print the version.
  static let tools: Toolbox = {
    let added = own.withLock { $0 }
    var toolbox = Toolbox()
    toolbox.passes.register(added.passes)
    for op in added.ops { toolbox.ops.register(op) }
    return toolbox
  }()
}

struct RootCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "qat-opt",
    abstract: "Quantize neural networks, and train them to be quantized.",
    version: SwiftQAT.version,
    subcommands: [
      OptCommand.self, QuantizeCommand.self, RunCommand.self, EvaluateCommand.self,
      CompareCommand.self, SensitivityCommand.self, AssignBitsCommand.self, InspectCommand.self,
      TrainCommand.self, BenchCommand.self, DemoCommand.self,
    ],
    defaultSubcommand: OptCommand.self)
}

/// A subcommand whose failures are diagnostics.
protocol DiagnosedCommand: ParsableCommand {
  func execute() throws(Diagnostic)
}

extension DiagnosedCommand {
  func run() throws {
    do throws(Diagnostic) { try execute() } catch {
      Terminal.error(error.description)
      throw ExitCode(error.isUsage ? 64 : 1)
    }
  }
}

extension Diagnostic {
  /// Whether the command line was wrong, not the work: a name or an option that nothing has.
  fileprivate var isUsage: Bool {
    code == .invalidOption || (code == .unknownName && (place?.contains("pipeline:") ?? false))
  }
}
