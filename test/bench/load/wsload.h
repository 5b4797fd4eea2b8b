/* The load generator: raw TCP clients of WebSocket or gRPC on one epoll loop, and the clock that says when events are due.
   Its cost is a handful of instructions per frame on top of one recv per readable socket and round. */
#ifndef WSLOAD_H
#define WSLOAD_H

#include <stddef.h>
#include <stdint.h>

#define HEAD 512              /* Of a payload, this much is looked at; sequence and time stand in it. */
#define HEADER_MAX 10         /* Of a WebSocket frame that is not masked. */
#define RECORD 40             /* One event on the control channel: instance, turn, 12 digits, 20 digits. */
#define EVENT_TYPES 6
#define UNKNOWN UINT64_MAX

enum protocol { RAW, SOCKETIO, NATS, GRPC };
enum state { FREE, CONNECTING, UPGRADING, JOINING, OPEN };

struct instance {
  uint64_t next;              /* Sequence of its next event. */
  uint64_t taken;             /* Events so far that its filter takes. */
  uint32_t counted;           /* Open sockets that must get every frame. */
  uint8_t mask;               /* The types that its filter takes. */
};

struct connection {
  int fd;
  uint8_t state, counted, frozen;
  uint8_t data;               /* HTTP/2: what is left belongs to a message. */
  uint32_t instance;
  uint64_t expected;          /* Sequence of the next frame, or UNKNOWN. */
  uint64_t base, got;         /* `taken` of the instance when it opened; frames since. */
  uint64_t payload, left;     /* Bytes of the last WebSocket payload; of the current one still to come. */
  uint64_t dropped;           /* Bytes of an incomplete frame that were dropped unread. */
  uint64_t inner_left;        /* NATS, gRPC: bytes of the current message still to come. */
  uint32_t kept, inner_kept;  /* Bytes of an incomplete head, in `keep`. */
  uint8_t *keep, *inner_keep;
};

struct options {
  const char *host, *path;
  int port, control, sockets, instances, inflight, mixed, small, small_bytes;
  int room_bytes;             /* Receive buffer of those that are not small; 0: the kernel's own. */
  long rest_us, waste_ns;     /* Sleep between two looks; CPU burnt on top of each read, to see whether it matters. */
  int unread;                 /* Only the first frame of a socket is read, to see what reading costs. */
  enum protocol protocol;
};

struct counters {
  uint64_t frames, bytes, published, missing, doubled, length_min, length_max;
  int64_t owed;               /* Frames that counted sockets have still to get. */
  uint32_t open, failed;
  uint32_t closes[5000];      /* By close code; 1006 for a cut. */
  char refusal[160];          /* First line of the first answer that was no 101. */
};

extern struct options options;
extern struct counters counters;
extern struct instance *instances;
extern struct connection *connections;

uint64_t now_ns(void);

/* connections.c */
void connections_init(int epoll);
void connect_up_to(int wanted);
int connecting(void);
void connection_ready(struct connection *c, uint32_t events);
void connection_close(struct connection *c, int code);
void connection_write(struct connection *c, const void *bytes, size_t length);
void connection_send(struct connection *c, int opcode, const void *payload, size_t length);
void connection_joined(struct connection *c);
void connections_drop(void);
void connections_freeze(int count);
void connections_thaw(void);

/* frames.c: what arrives on an upgraded socket. Answers how many bytes of the buffer were consumed. */
size_t frames_feed(struct connection *c, const uint8_t *bytes, size_t length, uint64_t now);

/* Bytes of frames like the last one. */
void frames_dropped(struct connection *c, uint64_t bytes);

/* protocols.c */
void protocol_join(struct connection *c);
void protocol_text(struct connection *c, const uint8_t *head, size_t available, uint64_t length, uint64_t now);
void inner_feed(struct connection *c, const uint8_t *bytes, size_t length, uint64_t now);

/* http2.c */
void http2_open(struct connection *c);
size_t http2_feed(struct connection *c, const uint8_t *bytes, size_t length, uint64_t now);
size_t grpc_message(struct connection *c, const uint8_t *bytes, size_t length, uint64_t now);

/* events.c */
void event_arrived(struct connection *c, const uint8_t *head, size_t available, uint64_t length, uint64_t now);
void events_dropped(struct connection *c, uint64_t frames);
uint64_t next_taken(uint64_t sequence, uint8_t mask);
void uncount(struct connection *c);

/* pace.c */
int pace_init(int epoll);
void pace_loop(int burst, int64_t window, int per_turn);
void pace_rate(double per_second);
void pace_hold(void);
int pacing(void);
int timed(void);             /* Latency is taken: of events at fixed times, not of those in a closed loop. */
void pace(uint64_t now);
void pace_flush(void);

/* latency.c */
void latency_add(uint64_t ns);
void latency_reset(void);
void latency_print(void);

/* commands.c */
void command(char *line);
void commands_check(void);

#endif
