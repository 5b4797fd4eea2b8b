/* Checks that every counted socket gets every frame, once and in order, and takes its latency where that means something. */
#define _GNU_SOURCE
#include <string.h>
#include "wsload.h"

static const char key[] = "\"seq\":\"";
#define KEY (sizeof key - 1)
#define SEQUENCE_DIGITS 12
#define TIME_AT (KEY + SEQUENCE_DIGITS + 8) /* behind `","ts":"` */
#define TIME_DIGITS 20

/* Neighbours are joined three times, to numbers of two, four and eight digits. Little-endian. */
static uint64_t eight_digits(const uint8_t *text) {
  uint64_t value;
  memcpy(&value, text, 8);
  value = (value & 0x0f0f0f0f0f0f0f0f) * (10 << 8 | 1) >> 8;
  value = (value & 0x00ff00ff00ff00ff) * (100 << 16 | 1) >> 16;
  return (value & 0x0000ffff0000ffff) * ((uint64_t)10000 << 32 | 1) >> 32;
}

/* Eight or more. The last of them are read together with those before. */
static inline uint64_t digits(const uint8_t *text, int count) {
  static const uint64_t tens[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
  uint64_t value = 0;
  for (; count >= 8; count -= 8, text += 8) value = value * 100000000 + eight_digits(text);
  return count == 0 ? value : value * tens[count] + eight_digits(text + count - 8) % tens[count];
}

/* Frames of one kind have their sequence at one place: look there first. */
static const uint8_t *find_sequence(const uint8_t *head, size_t available) {
  static uint16_t hints[32];
  if (available < 64) return NULL;
  uint16_t *hint = &hints[(head[10] ^ head[19] ^ head[24]) & 31];
  size_t need = TIME_AT + TIME_DIGITS;
  if (*hint + need <= available && memcmp(head + *hint, key, KEY) == 0) return head + *hint;
  const uint8_t *found = memmem(head, available, key, KEY);
  if (found == NULL || (size_t)(found - head) + need > available) return NULL;
  *hint = (uint16_t)(found - head);
  return found;
}

uint64_t next_taken(uint64_t sequence, uint8_t mask) {
  while (!(mask >> (sequence % EVENT_TYPES) & 1)) sequence++;
  return sequence;
}

static void count(struct connection *c, uint64_t frames) {
  counters.frames += frames;
  c->got += frames;
  if (c->counted) counters.owed -= (int64_t)frames;
}

void event_arrived(struct connection *c, const uint8_t *head, size_t available, uint64_t length, uint64_t now) {
  const uint8_t *found = find_sequence(head, available);
  if (found == NULL) return;
  uint64_t sequence = digits(found + KEY, SEQUENCE_DIGITS);
  count(c, 1);
  counters.bytes += length;
  if (length < counters.length_min) counters.length_min = length;
  if (length > counters.length_max) counters.length_max = length;
  if (timed()) {
    uint64_t intended = digits(found + TIME_AT, TIME_DIGITS);
    latency_add(now > intended ? now - intended : 0);
  }
  uint8_t mask = instances[c->instance].mask;
  if (c->expected != UNKNOWN && sequence != c->expected) {
    if (sequence < c->expected) counters.doubled++;
    else counters.missing++;
  }
  c->expected = next_taken(sequence + 1, mask);
}

void events_dropped(struct connection *c, uint64_t frames) {
  count(c, frames);
  c->expected = UNKNOWN;
}

/* From here on nothing is owed to this socket. */
void uncount(struct connection *c) {
  if (!c->counted) return;
  struct instance *instance = &instances[c->instance];
  counters.owed -= (int64_t)(instance->taken - c->base - c->got);
  instance->counted--;
  c->counted = 0;
}
