/* A histogram of latencies: 128 steps per doubling, so a value is known to 1 %. */
#include <stdio.h>
#include <string.h>
#include "wsload.h"

#define STEP_BITS 7
#define STEPS (1 << STEP_BITS)
#define BUCKETS (60 * STEPS)

static uint64_t buckets[BUCKETS];
static uint64_t count, highest;

void latency_add(uint64_t ns) {
  int exponent = ns < STEPS ? 0 : 64 - STEP_BITS - __builtin_clzll(ns);
  size_t at = ns < STEPS ? ns : (size_t)exponent * STEPS + (size_t)((ns >> (exponent - 1)) & (STEPS - 1));
  if (at >= BUCKETS) at = BUCKETS - 1;
  buckets[at]++;
  count++;
  if (ns > highest) highest = ns;
}

void latency_reset(void) {
  memset(buckets, 0, sizeof buckets);
  count = highest = 0;
}

static double at_quantile(double quantile) {
  uint64_t rank = (uint64_t)((double)count * quantile), seen = 0;
  for (size_t at = 0; at < BUCKETS; at++) {
    seen += buckets[at];
    if (seen <= rank) continue;
    if (at < STEPS) return (double)at / 1e6;
    uint64_t low = (STEPS + at % STEPS) << (at / STEPS - 1), width = 1ull << (at / STEPS - 1);
    return ((double)low + (double)width / 2) / 1e6;
  }
  return 0;
}

void latency_print(void) {
  printf("\"latency\":{\"count\":%lu,\"p50\":%.4f,\"p99\":%.4f,\"p999\":%.4f,\"max\":%.4f}", count, at_quantile(0.5),
         at_quantile(0.99), at_quantile(0.999), (double)highest / 1e6);
}
