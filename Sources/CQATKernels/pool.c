#if defined(__linux__)
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "include/qat_cpu.h"
#include "include/qat_pool.h"

#if defined(__x86_64__)
#define PAUSE() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define PAUSE() __asm__ volatile("yield")
#else
#define PAUSE() ((void)0)
#endif

// To wake a thread that sleeps takes as long as a node of a small network, so one waits awake for a
// while: first for itself, then giving way to whoever else wants the core.
enum { SPINS = 300, YIELDS = 1000 };
enum { MAX_THREADS = 1024 };

// A job is open while `ticket` holds its number (high half) and the next unclaimed chunk (low
// half). A worker claims by compare-and-swap on both, so one that comes late can never touch the
// next job; a ticket whose low half is CLOSED belongs to no job while the fields change.
#define CLOSED 0xFFFFFFFFu

struct worker {
  qat_pool *pool;
  pthread_t thread;
  int index, core;
};

struct qat_pool {
  _Atomic uint64_t ticket;
  _Atomic(qat_pool_function) function;
  _Atomic(void *) context;
  _Atomic uint32_t chunks;
  _Atomic uint32_t finished;
  _Atomic int sleepers;
  _Atomic bool caller_sleeps, stop;
  atomic_flag busy;
  pthread_mutex_t mutex;
  pthread_cond_t work, done;
  int threads;
  struct worker *workers;
};

static uint32_t number(uint64_t ticket) { return (uint32_t)(ticket >> 32); }

// Whether to go on waiting awake, after as many times.
static bool stays_awake(int times) {
  if (times < SPINS) PAUSE();
  else sched_yield();
  return times < SPINS + YIELDS;
}

// Claims and runs chunks of the open job until none is left.
static void take_part(qat_pool *pool, int worker) {
  uint64_t ticket = atomic_load(&pool->ticket);
  for (;;) {
    qat_pool_function function = atomic_load(&pool->function);
    void *context = atomic_load(&pool->context);
    uint32_t chunks = atomic_load(&pool->chunks), chunk = (uint32_t)ticket;
    if (chunk >= chunks) return;
    if (!atomic_compare_exchange_weak(&pool->ticket, &ticket, ticket + 1)) continue;
    function(context, chunk, worker);
    if (atomic_fetch_add(&pool->finished, 1) + 1 == chunks && atomic_load(&pool->caller_sleeps)) {
      pthread_mutex_lock(&pool->mutex);
      pthread_cond_signal(&pool->done);
      pthread_mutex_unlock(&pool->mutex);
    }
    ticket = atomic_load(&pool->ticket);
  }
}

static void pin(int core) {
#if defined(__linux__)
  if (core < 0) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);  // refused: run unpinned
#else
  (void)core;
#endif
}

static void *work(void *argument) {
  struct worker *self = argument;
  qat_pool *pool = self->pool;
  uint32_t seen = 0;
  pin(self->core);
  while (!atomic_load(&pool->stop)) {
    for (int i = 0; number(atomic_load(&pool->ticket)) == seen && stays_awake(i); i++) {}
    if (number(atomic_load(&pool->ticket)) == seen) {
      pthread_mutex_lock(&pool->mutex);
      atomic_fetch_add(&pool->sleepers, 1);
      while (number(atomic_load(&pool->ticket)) == seen && !atomic_load(&pool->stop))
        pthread_cond_wait(&pool->work, &pool->mutex);
      atomic_fetch_sub(&pool->sleepers, 1);
      pthread_mutex_unlock(&pool->mutex);
    }
    seen = number(atomic_load(&pool->ticket));
    take_part(pool, self->index);
  }
  return NULL;
}

qat_pool *qat_pool_create(int threads) {
  int cores[MAX_THREADS], available = qat_cpu_core_list(cores, MAX_THREADS);
  if (threads <= 0) threads = qat_cpu_allowed_cores();
  if (threads > MAX_THREADS) threads = MAX_THREADS;
  if (threads == 1) return NULL;
  qat_pool *pool = calloc(1, sizeof *pool);
  struct worker *workers = calloc((size_t)threads, sizeof *workers);
  if (!pool || !workers) {
    free(pool);
    free(workers);
    return NULL;
  }
  atomic_flag_clear(&pool->busy);
  atomic_store(&pool->ticket, CLOSED);
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->work, NULL);
  pthread_cond_init(&pool->done, NULL);
  pool->workers = workers;
  pool->threads = 1;
  for (int index = 1; index < threads; index++) {
    struct worker *worker = &workers[index];
    worker->pool = pool;
    worker->index = index;
    worker->core = threads <= available ? cores[index] : -1;
    if (pthread_create(&worker->thread, NULL, work, worker)) break;
    pool->threads++;
  }
  if (pool->threads > 1) return pool;
  qat_pool_destroy(pool);
  return NULL;
}

void qat_pool_destroy(qat_pool *pool) {
  if (!pool) return;
  pthread_mutex_lock(&pool->mutex);
  atomic_store(&pool->stop, true);
  pthread_cond_broadcast(&pool->work);
  pthread_mutex_unlock(&pool->mutex);
  for (int index = 1; index < pool->threads; index++)
    pthread_join(pool->workers[index].thread, NULL);
  pthread_cond_destroy(&pool->done);
  pthread_cond_destroy(&pool->work);
  pthread_mutex_destroy(&pool->mutex);
  free(pool->workers);
  free(pool);
}

int qat_pool_threads(const qat_pool *pool) { return pool ? pool->threads : 1; }

static void wait_for_workers(qat_pool *pool, uint32_t chunks) {
  for (int i = 0; atomic_load(&pool->finished) != chunks && stays_awake(i); i++) {}
  if (atomic_load(&pool->finished) == chunks) return;
  pthread_mutex_lock(&pool->mutex);
  atomic_store(&pool->caller_sleeps, true);
  while (atomic_load(&pool->finished) != chunks) pthread_cond_wait(&pool->done, &pool->mutex);
  atomic_store(&pool->caller_sleeps, false);
  pthread_mutex_unlock(&pool->mutex);
}

void qat_pool_run(qat_pool *pool, int64_t chunks, qat_pool_function function, void *context) {
  if (!pool || chunks < 2 || chunks >= CLOSED || atomic_flag_test_and_set(&pool->busy)) {
    for (int64_t chunk = 0; chunk < chunks; chunk++) function(context, chunk, 0);
    return;
  }
  uint32_t job = number(atomic_load(&pool->ticket)) + 1;
  atomic_store(&pool->ticket, (uint64_t)(job - 1) << 32 | CLOSED);
  atomic_store(&pool->function, function);
  atomic_store(&pool->context, context);
  atomic_store(&pool->chunks, (uint32_t)chunks);
  atomic_store(&pool->finished, 0);
  atomic_store(&pool->ticket, (uint64_t)job << 32);
  if (atomic_load(&pool->sleepers)) {
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->mutex);
  }
  take_part(pool, 0);
  wait_for_workers(pool, (uint32_t)chunks);
  atomic_flag_clear(&pool->busy);
}
