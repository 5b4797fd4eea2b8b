/* Says when events happen. Each one travels to the publisher as a record that carries the time it was meant for, so
   that a late publisher shows as latency. */
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
#include <sys/timerfd.h>
#include <unistd.h>
#include "wsload.h"

static enum { LOOP, RATE } mode;
static int held = 1;
static int control = -1, timer = -1;
static int burst;
static int64_t window;
static double interval_ns;
static uint64_t started, due;
static uint32_t turn;

static uint8_t *waiting;
static size_t waiting_length, waiting_room;

int pace_init(int epoll) {
  timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = &timer};
  epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event);
  if (options.control == 0) return 0;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.control)};
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  control = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(control, (struct sockaddr *)&address, sizeof address) != 0) return -1;
  int one = 1;
  setsockopt(control, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return 0;
}

static void write_digits(uint8_t *to, int count, uint64_t value) {
  while (count-- > 0) {
    to[count] = (uint8_t)('0' + value % 10);
    value /= 10;
  }
}

/* The event belongs to the instances in turn; its type follows from its sequence. */
static void emit(uint64_t intended) {
  uint32_t number = (uint32_t)(counters.published++ % (uint64_t)options.instances);
  struct instance *instance = &instances[number];
  uint64_t sequence = instance->next++;
  if (instance->mask >> (sequence % EVENT_TYPES) & 1) {
    instance->taken++;
    counters.owed += instance->counted;
  }
  if (waiting_length + RECORD > waiting_room) {
    waiting_room = waiting_room == 0 ? 1 << 16 : waiting_room * 2;
    waiting = realloc(waiting, waiting_room);
  }
  uint8_t *record = waiting + waiting_length;
  memcpy(record, &number, 4);
  memcpy(record + 4, &turn, 4);
  write_digits(record + 8, 12, sequence);
  write_digits(record + 20, 20, intended);
  waiting_length += RECORD;
}

void pace_flush(void) {
  if (waiting_length == 0 || control < 0) return;
  ssize_t sent = send(control, waiting, waiting_length, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent <= 0) return;
  waiting_length -= (size_t)sent;
  memmove(waiting, waiting + sent, waiting_length);
}

static void arm(uint64_t at) {
  struct itimerspec when = {.it_value = {.tv_sec = (time_t)(at / 1000000000), .tv_nsec = (long)(at % 1000000000)}};
  timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
}

void pace(uint64_t now) {
  if (!held && mode == LOOP) {
    int64_t takers = 0;
    for (int i = 0; i < options.instances; i++) takers += instances[i].counted;
    int64_t size = takers * burst / options.instances;
    while (counters.owed <= 0 || counters.owed + size <= window) {
      for (int i = 0; i < burst; i++) emit(now);
      if (size == 0) break;
    }
  }
  if (!held && mode == RATE) {
    uint64_t at;
    while ((at = started + (uint64_t)((double)due * interval_ns)) <= now) {
      emit(at);
      due++;
    }
    arm(at);
  }
  pace_flush();
}

/* Closed loop: `count` events at once, again whenever at most `frames` frames would be under way. A publisher inside the
   server takes at most `per_turn` of them in a turn of its event loop, 0 meaning all. */
void pace_loop(int count, int64_t frames, int per_turn) {
  mode = LOOP;
  held = 0;
  burst = count;
  turn = (uint32_t)per_turn;
  window = frames;
}

/* Open loop: events at fixed times, whether or not the ones before have arrived. */
void pace_rate(double per_second) {
  mode = RATE;
  held = 0;
  turn = 0;
  interval_ns = 1e9 / per_second;
  started = now_ns();
  due = 0;
}

void pace_hold(void) { held = 1; }

int pacing(void) { return !held; }

int timed(void) { return mode == RATE; }
