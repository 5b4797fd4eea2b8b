/* The sockets: connect, upgrade, read, freeze, close. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "wsload.h"

#define READ_MAX (256 * 1024)
#define KEEP 2048         /* An incomplete answer to the upgrade, or an incomplete head of a frame. */
#define DISCARD_FROM 8192 /* From here on the rest of a payload is dropped by the kernel, uncopied. */

static int epoll;
static int wanted, busy;

void connections_init(int fd) { epoll = fd; }

static int to_start(void) { return wanted - busy - (int)counters.open - (int)counters.failed; }

int connecting(void) { return busy > 0 || to_start() > 0; }

static void watch(struct connection *c, int operation, uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = c};
  epoll_ctl(epoll, operation, c->fd, &event);
}

static void receive_buffer(int fd, int bytes) { setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes); }

static void start(struct connection *c) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
  inet_pton(AF_INET, options.host, &address.sin_addr);
  int one = 1;
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (c->fd < 0) {
    perror("socket");
    exit(1);
  }
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  int small = c - connections >= options.sockets - options.small;
  if (small || options.room_bytes > 0) receive_buffer(c->fd, small ? options.small_bytes : options.room_bytes);
  c->state = CONNECTING;
  c->left = c->payload = c->dropped = c->inner_left = c->kept = c->inner_kept = 0;
  c->frozen = c->counted = 0;
  busy++;
  connect(c->fd, (struct sockaddr *)&address, sizeof address);
  watch(c, EPOLL_CTL_ADD, EPOLLOUT);
}

static void start_more(void) {
  static int from;
  for (int seen = 0; seen < wanted && busy < options.inflight && to_start() > 0; seen++, from++) {
    if (from >= wanted) from = 0;
    if (connections[from].state == FREE) start(&connections[from]);
  }
}

void connect_up_to(int sockets) {
  wanted = sockets;
  start_more();
}

static void request_upgrade(struct connection *c) {
  if (options.protocol == GRPC) {
    c->state = JOINING;
    watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLET);
    http2_open(c);
    return;
  }
  char path[1024], text[2048];
  const char *mark = strchr(options.path, '#');
  if (mark == NULL) snprintf(path, sizeof path, "%s", options.path);
  else snprintf(path, sizeof path, "%.*s%u%s", (int)(mark - options.path), options.path, c->instance, mark + 1);
  int length = snprintf(text, sizeof text,
                        "GET %s HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
                        path, options.host, options.port);
  c->state = UPGRADING;
  watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLET);
  connection_write(c, text, (size_t)length);
}

void connection_write(struct connection *c, const void *bytes, size_t length) {
  if (send(c->fd, bytes, length, MSG_NOSIGNAL) != (ssize_t)length) connection_close(c, 1006);
}

/* Masked with a key of zeroes, so that masking costs nothing. */
void connection_send(struct connection *c, int opcode, const void *payload, size_t length) {
  uint8_t text[512] = {(uint8_t)(128 | opcode)};
  size_t header = length < 126 ? 2 : 4;
  text[1] = (uint8_t)(128 | (length < 126 ? length : 126));
  text[2] = (uint8_t)(length >> 8);
  text[3] = (uint8_t)length;
  memset(text + header, 0, 4);
  memcpy(text + header + 4, payload, length);
  connection_write(c, text, header + 4 + length);
}

void connection_close(struct connection *c, int code) {
  if (c->state == FREE) return;
  if (c->state == OPEN) {
    counters.open--;
    counters.closes[code > 0 && code < 5000 ? code : 1006]++;
  } else {
    busy--;
    counters.failed++;
  }
  uncount(c);
  struct linger reset = {.l_onoff = 1};
  setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  close(c->fd);
  c->frozen = 0;
  int failed = c->state != OPEN;
  c->state = FREE;
  if (failed) start_more();
}

/* Counted when nothing is under way: then the next event of its instance is its first. */
void connection_joined(struct connection *c) {
  struct instance *instance = &instances[c->instance];
  c->state = OPEN;
  c->base = instance->taken;
  c->got = 0;
  c->counted = !pacing() && counters.owed == 0;
  c->expected = c->counted ? next_taken(instance->next, instance->mask) : UNKNOWN;
  if (c->counted) instance->counted++;
  counters.open++;
  busy--;
  start_more();
}

/* Answers the bytes consumed. */
static size_t read_answer(struct connection *c, const uint8_t *bytes, size_t length) {
  const uint8_t *end = memmem(bytes, length, "\r\n\r\n", 4);
  if (end == NULL) return 0;
  if (length < 12 || memcmp(bytes + 8, " 101", 4) != 0) {
    if (counters.refusal[0] == 0) snprintf(counters.refusal, sizeof counters.refusal, "%.*s", (int)(length < 150 ? length : 150), bytes);
    connection_close(c, 1006);
    return length;
  }
  c->state = JOINING;
  protocol_join(c);
  return (size_t)(end - bytes) + 4;
}

/* What is left in the kernel is dropped there: counted as frames like the last one that was read, and not looked at. */
static void drop_all(struct connection *c) {
  ssize_t dropped;
  while ((dropped = recv(c->fd, NULL, READ_MAX, MSG_TRUNC)) > 0) frames_dropped(c, (uint64_t)dropped);
  if (dropped == 0 || errno != EAGAIN) connection_close(c, 1006);
}

/* Whether messages of a protocol stand in the frames, so that every byte must be seen. */
static int has_inner(void) { return options.protocol == NATS || options.protocol == GRPC; }

static size_t feed(struct connection *c, const uint8_t *bytes, size_t length, uint64_t now) {
  return options.protocol == GRPC ? http2_feed(c, bytes, length, now) : frames_feed(c, bytes, length, now);
}

/* Answers whether there may be more to read: edge-triggered epoll tells of it only once, which saves a poll per read. */
static int read_some(struct connection *c) {
  static uint8_t buffer[KEEP + READ_MAX];
  if (c->left >= DISCARD_FROM && c->kept == 0 && !has_inner()) {
    ssize_t dropped = recv(c->fd, NULL, c->left, MSG_TRUNC);
    if (dropped > 0) c->left -= (uint64_t)dropped;
    else if (dropped == 0 || errno != EAGAIN) connection_close(c, 1006);
    return dropped > 0 && c->left == 0;
  }
  memcpy(buffer, c->keep, c->kept);
  /* Of a large frame, which others like it will follow, only the head. */
  size_t room = c->payload >= DISCARD_FROM && !has_inner() ? HEADER_MAX + HEAD : READ_MAX;
  ssize_t got = recv(c->fd, buffer + c->kept, room, 0);
  if (got <= 0) {
    if (got == 0 || errno != EAGAIN) connection_close(c, 1006);
    return 0;
  }
  size_t all = c->kept + (size_t)got, used = 0;
  if (c->state == UPGRADING) used = read_answer(c, buffer, all);
  if (c->state >= JOINING) used += feed(c, buffer + used, all - used, now_ns());
  if (c->state == FREE) return 0;
  if (all - used > KEEP) {
    connection_close(c, 1006);
    return 0;
  }
  c->kept = (uint32_t)(all - used);
  if (c->kept == 0) return (size_t)got == room;
  if (c->keep == NULL) c->keep = malloc(KEEP);
  memcpy(c->keep, buffer + used, c->kept);
  return (size_t)got == room;
}

static void waste(void) {
  uint64_t until = now_ns() + (uint64_t)options.waste_ns;
  while (now_ns() < until) continue;
}

void connection_ready(struct connection *c, uint32_t events) {
  if (c->state == FREE) return;
  if (c->state == CONNECTING) {
    if (events & (EPOLLERR | EPOLLHUP)) connection_close(c, 1006);
    else request_upgrade(c);
    return;
  }
  if (options.unread && c->payload > 0 && c->left == 0 && c->kept == 0) drop_all(c);
  else while (read_some(c)) continue;
  if (options.waste_ns > 0) waste();
}

void connections_drop(void) {
  wanted = 0;
  for (int i = 0; i < options.sockets; i++) {
    if (connections[i].state != FREE) connection_close(&connections[i], 1005);
  }
}

/* The last `count` open sockets stop reading. */
void connections_freeze(int count) {
  for (int i = options.sockets - 1; i >= 0 && count > 0; i--) {
    struct connection *c = &connections[i];
    if (c->state != OPEN || c->frozen) continue;
    uncount(c);
    c->frozen = 1;
    epoll_ctl(epoll, EPOLL_CTL_DEL, c->fd, NULL);
    count--;
  }
}

void connections_thaw(void) {
  for (int i = 0; i < options.sockets; i++) {
    struct connection *c = &connections[i];
    if (!c->frozen) continue;
    c->frozen = 0;
    watch(c, EPOLL_CTL_ADD, EPOLLIN | EPOLLET);
  }
}
