/* gRPC over HTTP/2: one stream a connection, whose windows never fill. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include "wsload.h"

#define FRAME_HEAD 9
#define MESSAGE_HEAD 5
#define CONTROL_MAX 512 /* SETTINGS and PING are read whole. */

enum { DATA = 0, HEADERS = 1, RST_STREAM = 3, SETTINGS = 4, PING = 6, GOAWAY = 7, WINDOW_UPDATE = 8 };
enum { ACK = 1, END_STREAM = 1, END_HEADERS = 4 };

static size_t put_frame(uint8_t *to, int type, int flags, int stream, const void *payload, size_t length) {
  uint8_t head[FRAME_HEAD] = {0, (uint8_t)(length >> 8), (uint8_t)length, (uint8_t)type, (uint8_t)flags, 0, 0, 0, (uint8_t)stream};
  memcpy(to, head, FRAME_HEAD);
  memcpy(to + FRAME_HEAD, payload, length);
  return FRAME_HEAD + length;
}

/* A literal that is not indexed, with a new name, without Huffman coding (RFC 7541, section 6.2.2). */
static size_t put_header(uint8_t *to, const char *name, const char *value) {
  size_t names = strlen(name), values = strlen(value);
  to[0] = 0;
  to[1] = (uint8_t)names;
  memcpy(to + 2, name, names);
  to[2 + names] = (uint8_t)values;
  memcpy(to + 3 + names, value, values);
  return 3 + names + values;
}

void http2_open(struct connection *c) {
  static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  static const uint8_t settings[] = {0, 2, 0, 0, 0, 0, 0, 4, 0x7f, 0xff, 0xff, 0xff};
  static const uint8_t window[] = {0x7f, 0xff, 0, 0};
  uint8_t text[1024], headers[512], message[64];
  size_t length = sizeof preface - 1, at = 0;
  memcpy(text, preface, length);
  length += put_frame(text + length, SETTINGS, 0, 0, settings, sizeof settings);
  length += put_frame(text + length, WINDOW_UPDATE, 0, 0, window, sizeof window);
  at += put_header(headers + at, ":method", "POST");
  at += put_header(headers + at, ":scheme", "http");
  at += put_header(headers + at, ":path", options.path);
  at += put_header(headers + at, ":authority", options.host);
  at += put_header(headers + at, "content-type", "application/grpc");
  at += put_header(headers + at, "te", "trailers");
  length += put_frame(text + length, HEADERS, END_HEADERS, 1, headers, at);
  /* The message with the name of the instance as its first field. */
  int name = snprintf((char *)message + MESSAGE_HEAD + 2, sizeof message - MESSAGE_HEAD - 2, "i-%u", c->instance);
  memset(message, 0, MESSAGE_HEAD);
  message[4] = (uint8_t)(name + 2);
  message[5] = 0x0a;
  message[6] = (uint8_t)name;
  length += put_frame(text + length, DATA, END_STREAM, 1, message, (size_t)(MESSAGE_HEAD + 2 + name));
  connection_write(c, text, length);
}

/* The head of a message. Answers the bytes consumed, 0 when more are needed. */
size_t grpc_message(struct connection *c, const uint8_t *bytes, size_t length, uint64_t now) {
  if (length < MESSAGE_HEAD) return 0;
  uint64_t size = (uint64_t)bytes[1] << 24 | (uint64_t)bytes[2] << 16 | (uint64_t)bytes[3] << 8 | bytes[4];
  size_t available = length - MESSAGE_HEAD, need = size < HEAD ? size : HEAD;
  if (available < need) return 0;
  if (available > size) available = size;
  event_arrived(c, bytes + MESSAGE_HEAD, available, size, now);
  c->inner_left = size - available;
  return MESSAGE_HEAD + available;
}

static void answer(struct connection *c, int type, const uint8_t *payload, size_t length) {
  uint8_t frame[FRAME_HEAD + CONTROL_MAX];
  connection_write(c, frame, put_frame(frame, type, ACK, 0, payload, length));
}

/* Answers the bytes consumed: all but an incomplete head. */
size_t http2_feed(struct connection *c, const uint8_t *bytes, size_t length, uint64_t now) {
  size_t at = 0;
  while (at < length && c->state >= JOINING) {
    if (c->left > 0) {
      size_t take = length - at < c->left ? length - at : c->left;
      if (c->data) inner_feed(c, bytes + at, take, now);
      c->left -= take;
      at += take;
      continue;
    }
    if (length - at < FRAME_HEAD) break;
    const uint8_t *head = bytes + at;
    size_t payload = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
    int type = head[3], flags = head[4];
    int whole = (type == SETTINGS || type == PING) && payload <= CONTROL_MAX;
    if (whole && length - at < FRAME_HEAD + payload) break;
    if (type == SETTINGS && !(flags & ACK)) answer(c, SETTINGS, NULL, 0);
    if (type == PING && !(flags & ACK)) answer(c, PING, head + FRAME_HEAD, payload);
    if (type == HEADERS && c->state == JOINING) connection_joined(c);
    else if ((type == HEADERS && flags & END_STREAM) || type == RST_STREAM || type == GOAWAY) connection_close(c, 1006);
    c->data = type == DATA;
    c->left = payload;
    at += FRAME_HEAD;
  }
  return c->state >= JOINING ? at : length;
}
