import QATCore
