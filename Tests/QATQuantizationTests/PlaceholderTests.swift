import QATQuantization
import Testing
