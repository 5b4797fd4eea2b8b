/* What stands between a socket and its events: nothing, Socket.IO's packets, NATS' protocol, or messages of gRPC. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "wsload.h"

#define NATS_LINE 4096 /* The server's INFO is its longest line. */

void protocol_join(struct connection *c) {
  if (options.protocol == RAW) connection_joined(c);
}

/* Engine.IO: 0 open, 2 ping, 4 message; in a message 0 is the answer to our CONNECT and 2 an event. */
static void socketio_text(struct connection *c, const uint8_t *head, size_t available, uint64_t length, uint64_t now) {
  if (available < 1) return;
  if (head[0] == '2') connection_send(c, 1, "3", 1);
  else if (head[0] == '0') connection_send(c, 1, "40", 2);
  else if (head[0] == '4' && available > 1 && head[1] == '0') connection_joined(c);
  else if (head[0] == '4' && available > 1 && head[1] == '2') event_arrived(c, head, available, length, now);
}

void protocol_text(struct connection *c, const uint8_t *head, size_t available, uint64_t length, uint64_t now) {
  if (options.protocol == SOCKETIO) socketio_text(c, head, available, length, now);
  else event_arrived(c, head, available, length, now);
}

static void nats_hello(struct connection *c) {
  char text[256];
  int length = snprintf(text, sizeof text,
                        "CONNECT {\"verbose\":false,\"pedantic\":false,\"protocol\":1}\r\nSUB i-%u 1\r\nPING\r\n", c->instance);
  connection_send(c, 2, text, (size_t)length);
}

/* One line, and the head of the message that it announces. Answers the bytes consumed, 0 when more are needed. */
static size_t nats_line(struct connection *c, const uint8_t *bytes, size_t length, uint64_t now) {
  const uint8_t *end = memchr(bytes, '\n', length < NATS_LINE ? length : NATS_LINE);
  if (end == NULL) return 0;
  size_t line = (size_t)(end - bytes) + 1;
  if (memcmp(bytes, "MSG ", 4) == 0) {
    const uint8_t *space = memrchr(bytes, ' ', line);
    uint64_t payload = strtoull((const char *)space + 1, NULL, 10);
    size_t available = length - line, need = payload < HEAD ? payload : HEAD;
    if (available < need) return 0;
    if (available > payload) available = payload;
    event_arrived(c, end + 1, available, payload, now);
    c->inner_left = payload + 2 - available;
    return line + available;
  }
  if (memcmp(bytes, "INFO", 4) == 0 && c->state == JOINING) nats_hello(c);
  else if (memcmp(bytes, "PONG", 4) == 0 && c->state == JOINING) connection_joined(c);
  else if (memcmp(bytes, "PING", 4) == 0) connection_send(c, 2, "PONG\r\n", 6);
  else if (memcmp(bytes, "-ERR", 4) == 0) connection_close(c, 1011);
  return line;
}

/* A message, or what announces one. Answers the bytes consumed, 0 when more are needed. */
static size_t inner_message(struct connection *c, const uint8_t *bytes, size_t length, uint64_t now) {
  return options.protocol == GRPC ? grpc_message(c, bytes, length, now) : nats_line(c, bytes, length, now);
}

static size_t inner_consume(struct connection *c, const uint8_t *bytes, size_t length, uint64_t now) {
  size_t at = 0;
  while (at < length && c->state >= JOINING) {
    if (c->inner_left > 0) {
      size_t take = length - at < c->inner_left ? length - at : c->inner_left;
      c->inner_left -= take;
      at += take;
      continue;
    }
    size_t used = length - at < 4 ? 0 : inner_message(c, bytes + at, length - at, now);
    if (used == 0) break;
    at += used;
  }
  return at;
}

void inner_feed(struct connection *c, const uint8_t *bytes, size_t length, uint64_t now) {
  static uint8_t joined[2 * NATS_LINE + HEAD];
  while (length > 0 && c->state >= JOINING) {
    if (c->inner_kept == 0) {
      size_t used = inner_consume(c, bytes, length, now);
      bytes += used;
      length -= used;
      if (length == 0 || c->state < JOINING) return;
      if (c->inner_keep == NULL) c->inner_keep = malloc(NATS_LINE + HEAD);
    }
    size_t room = NATS_LINE + HEAD - c->inner_kept, take = length < room ? length : room;
    memcpy(joined, c->inner_keep, c->inner_kept);
    memcpy(joined + c->inner_kept, bytes, take);
    size_t all = c->inner_kept + take, used = inner_consume(c, joined, all, now);
    if (c->state < JOINING) return;
    c->inner_kept = (uint32_t)(all - used);
    memcpy(c->inner_keep, joined + used, c->inner_kept);
    bytes += take;
    length -= take;
  }
}
