// `import QAT` is all that a user of the library needs.
@_exported public import QATConfig
@_exported public import QATCore
@_exported public import QATData
@_exported public import QATIR
@_exported public import class QATKernels.ThreadPool
@_exported public import QATONNX
@_exported public import QATPasses
@_exported public import QATQuantization
@_exported public import QATRewrite
@_exported public import QATRuntime
@_exported public import QATTraining
