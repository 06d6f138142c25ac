// Reading does not change the input, and `const` lets Swift see that.
#define ZLIB_CONST
#include <zlib.h>
