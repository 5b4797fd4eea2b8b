/* Walks WebSocket frames. Only the head of a payload is kept and read; the rest is counted and passed over. */
#include <string.h>
#include "wsload.h"

/* Length of the header, or 0 when it is not complete yet. */
static size_t read_header(const uint8_t *bytes, size_t length, uint64_t *payload) {
  if (length < 2) return 0;
  uint8_t small = bytes[1] & 127;
  size_t header = small < 126 ? 2 : small == 126 ? 4 : 10;
  if (length < header) return 0;
  if (small < 126) *payload = small;
  else {
    *payload = 0;
    for (size_t i = 2; i < header; i++) *payload = *payload << 8 | bytes[i];
  }
  return header;
}

static void control_frame(struct connection *c, int opcode, const uint8_t *payload, size_t length) {
  if (opcode == 9) connection_send(c, 10, payload, length);
  if (opcode == 8) connection_close(c, length >= 2 ? payload[0] << 8 | payload[1] : 1005);
}

size_t frames_feed(struct connection *c, const uint8_t *bytes, size_t length, uint64_t now) {
  size_t at = 0;
  while (at < length && c->state >= JOINING) {
    if (c->left > 0) {
      size_t take = length - at < c->left ? length - at : c->left;
      if (options.protocol == NATS) inner_feed(c, bytes + at, take, now);
      c->left -= take;
      at += take;
      continue;
    }
    uint64_t payload;
    size_t header = read_header(bytes + at, length - at, &payload);
    if (header == 0) break;
    int opcode = bytes[at] & 15;
    const uint8_t *start = bytes + at + header;
    size_t available = length - at - header;
    if (options.protocol == NATS && opcode < 8) {
      c->left = payload;
      at += header;
      continue;
    }
    size_t need = payload < HEAD ? payload : HEAD;
    if (available < need) break;
    if (available > payload) available = payload;
    c->payload = payload;
    if (opcode >= 8) control_frame(c, opcode, start, available);
    else protocol_text(c, start, available, payload, now);
    c->left = payload - available;
    at += header + available;
  }
  return c->state >= JOINING ? at : length;
}

void frames_dropped(struct connection *c, uint64_t bytes) {
  uint64_t frame = (c->payload < 126 ? 2 : c->payload < 65536 ? 4 : 10) + c->payload;
  c->dropped += bytes;
  events_dropped(c, c->dropped / frame);
  c->dropped %= frame;
}
