// A thread pool for short parallel loops.
#pragma once
#include <stdint.h>

typedef struct qat_pool qat_pool;
// Runs one chunk; `worker` is in 0 ..< qat_pool_threads(pool) and two calls that run at once on
// behalf of one qat_pool_run have different ones, so it can select scratch memory.
typedef void (*qat_pool_function)(void *context, int64_t chunk, int worker);

// `threads` counts the calling thread; 0 asks for one per allowed core. On Linux the workers are
// pinned to allowed cores when there are enough. NULL, a valid pool of one thread, for one thread
// or when no thread could be started.
qat_pool *qat_pool_create(int threads);
// - Precondition: no run is in progress.
void qat_pool_destroy(qat_pool *pool);
int qat_pool_threads(const qat_pool *pool);

// Calls `function` once for each chunk in 0 ..< chunks and returns when all are done. The calling
// thread takes part. A call from inside a chunk, or while another thread uses the pool, runs its
// chunks itself one after the other. Results must not depend on which worker runs what: choose
// `chunks` from shapes alone.
void qat_pool_run(qat_pool *pool, int64_t chunks, qat_pool_function function, void *context);
