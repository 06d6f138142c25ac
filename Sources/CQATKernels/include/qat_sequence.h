// Attention, rotary embeddings and the cells of recurrent layers, float32.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "qat_pool.h"

// Heads of a tensor: elements from an entry, a head, a step to the next; a head's are contiguous.
typedef struct { int64_t entry, head, step; } qat_heads;

// y = softmax(softcap * tanh(scale * q k^T / softcap) + bias) v for every entry and head. Several
// heads of q share one of k and v. What a query sees is computed as ONNX's Attention says it.
typedef struct {
  int64_t batch, heads, key_heads, queries, keys, size, value_size;
  const float *q, *k, *v;
  float *y;
  qat_heads q_places, k_places, v_places, y_places;
  float scale, softcap;       // no cap where 0
  bool causal;
  int64_t left, right;        // windows, at most 2^31; none where negative
  int64_t past;               // keys in front of the first query, without `lengths`
  const int64_t *lengths;     // keys of each entry that hold something, 0...keys, or NULL
  const float *mask;          // added, or NULL
  const bool *shown;          // where false a key is hidden, or NULL
  int64_t mask_entry, mask_head, mask_query, mask_key;  // elements to the next, 0 where repeated
  int64_t mask_length;        // keys that the mask speaks of; those behind are hidden
  float *scores;              // [batch][heads][queries][keys], or NULL
  int stage;                  // which: 0 scaled products, 1 capped, 2 biased, 3 probabilities
} qat_attention_arguments;

// Floats of scratch memory for each thread of the pool.
size_t qat_attention_scratch(int64_t queries, int64_t keys);
void qat_attention_f32(const qat_attention_arguments *arguments, qat_pool *pool, float *scratch);

// y = x with the first 2 * half elements of every head turned: the pairs (i, i + half), or
// (2i, 2i + 1) where `interleaved`. The angles' cosines and sines are row positions[entry][step] of
// the tables (row entry * steps + step where NULL), of `half` elements.
void qat_rotary_f32(int64_t batch, int64_t heads, int64_t steps, int64_t size, qat_heads places,
                    int64_t half, bool interleaved, const int64_t *positions, const float *cosine,
                    const float *sine, const float *x, float *y, qat_pool *pool);

// One step of a recurrent layer of `entries` sequences, each with a state h of `hidden` elements.
// Gates are sums of a row of `input` (chosen for each entry; a negative one leaves the entry as it
// is) and the entry's row of `state`; the new h is copied to row `output[entry]` of y, unless NULL.
typedef struct {
  int64_t entries, hidden;
  const int64_t *input_rows, *output_rows;
  const float *input;         // [rows][gates][hidden]
  const float *state;         // [entries][gates][hidden]
  float *h;                   // [entries][hidden]
  float *y;                   // [rows][hidden], or NULL
} qat_recurrent_step;

// Gates i, o, f, g: c = sigmoid(f) c + sigmoid(i) tanh(g), h = sigmoid(o) tanh(c).
void qat_lstm_step(const qat_recurrent_step *step, float *c);
// `state` has the gates z, r alone: reset = sigmoid(r) h.
void qat_gru_reset(const qat_recurrent_step *step, float *reset);
// Gates z, r, g, `state` has z, r alone; the product of g's weights stands in `product`:
// g = tanh(g + product), or tanh(g + sigmoid(r) product) where `scales`; h = (1 - z) g + z h.
void qat_gru_step(const qat_recurrent_step *step, const float *product, bool scales);
// One gate: h = tanh(sum), or max(sum, 0) where `relu`.
void qat_rnn_step(const qat_recurrent_step *step, bool relu);

// The same step for gradients: gates are kept as their activations leave them, and the new state goes
// to a place of its own. Entries at rest keep their state.
typedef struct {
  int64_t entries, hidden;
  const int64_t *rows;        // of `input`; negative for entries at rest
  const float *input;         // [rows][gates][hidden]
  const float *state;         // [entries][gates][hidden], of a GRU without g
  const float *h;             // [entries][hidden]
  float *gates;               // [entries][gates][hidden]
  float *next;                // [entries][hidden]
} qat_recurrent_record;
void qat_lstm_record(const qat_recurrent_record *step, const float *c, float *next_c);
// The gates z and r, and reset = r h, 0 for entries at rest.
void qat_gru_record_gates(const qat_recurrent_record *step, float *reset);
void qat_gru_record(const qat_recurrent_record *step, const float *product, bool scales);

// Back through such a step. `dh` is the gradient of the new state, and becomes what of the old one's
// does not pass through the weights of the state. Of entries at rest d_state is 0, dh stays.
typedef struct {
  int64_t entries, hidden;
  const int64_t *rows;        // of `d_input`; negative for entries at rest
  const float *gates;         // as they were kept
  const float *h;             // the state before the step
  float *dh;                  // [entries][hidden]
  float *d_input;             // [rows][gates][hidden]
  float *d_state;             // [entries][gates][hidden], of a GRU without g
} qat_recurrent_slopes;
void qat_lstm_slopes(const qat_recurrent_slopes *step, const float *c, const float *next_c,
                     float *dc);
// d_product: of the product of g's weights. Unless `scales`, the part of r waits for d_reset, which
// d_product gives: `qat_gru_reset_slopes` adds it.
void qat_gru_slopes(const qat_recurrent_slopes *step, const float *product, bool scales,
                    float *d_product);
void qat_gru_reset_slopes(const qat_recurrent_slopes *step, const float *d_reset);
