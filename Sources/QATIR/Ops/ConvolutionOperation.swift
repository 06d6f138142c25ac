/// A convolution in one of its forms: of floats or codes, or a gradient of one. All have the attributes
/// of `Conv`.
public protocol ConvolutionOperation: Operation {
  /// Kernel, strides, dilations and padding.
  var window: WindowAttributes { get set }
  /// Into how many parts the channels are divided that see nothing of each other.
  var group: Int { get set }
}

extension ConvolutionOperation {
  /// The operation over these windows.
  public init(_ window: WindowAttributes, group: Int = 1) {
    self.init()
    self.window = window
    self.group = group
  }

  /// `auto_pad`, `dilations`, `group`, `kernel_shape`, `pads`, `strides`.
  static var convolutionAttributes: [Attribute<Self>] {
    [
      .init("auto_pad", \.window.autoPad), .init("dilations", \.window.dilations),
      .init("group", \.group), .init("kernel_shape", \.window.kernelShape),
      .init("pads", \.window.pads), .init("strides", \.window.strides),
    ]
  }
}
