/* wsload name=value ...: the options, the loop. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include "wsload.h"

struct options options = {.host = "127.0.0.1", .path = "/", .sockets = 1, .instances = 1, .inflight = 128, .small_bytes = 8192};
struct counters counters = {.length_min = UNKNOWN};
struct instance *instances;
struct connection *connections;

/* The filters of `mixed`: all, one type, two, three, others. The servers of the benchmark use the same list. */
static const uint8_t masks[8] = {63, 1, 3, 7, 21, 42, 56, 63};

uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void read_options(int count, char **words) {
  for (int i = 1; i < count; i++) {
    char *value = strchr(words[i], '=');
    if (value == NULL) continue;
    *value++ = 0;
    const char *name = words[i];
    if (strcmp(name, "host") == 0) options.host = value;
    else if (strcmp(name, "port") == 0) options.port = atoi(value);
    else if (strcmp(name, "control") == 0) options.control = atoi(value);
    else if (strcmp(name, "path") == 0) options.path = value;
    else if (strcmp(name, "sockets") == 0) options.sockets = atoi(value);
    else if (strcmp(name, "instances") == 0) options.instances = atoi(value);
    else if (strcmp(name, "inflight") == 0) options.inflight = atoi(value);
    else if (strcmp(name, "mixed") == 0) options.mixed = atoi(value);
    else if (strcmp(name, "small") == 0) options.small = atoi(value);
    else if (strcmp(name, "small_bytes") == 0) options.small_bytes = atoi(value);
    else if (strcmp(name, "room_bytes") == 0) options.room_bytes = atoi(value);
    else if (strcmp(name, "rest_us") == 0) options.rest_us = atol(value);
    else if (strcmp(name, "waste_ns") == 0) options.waste_ns = atol(value);
    else if (strcmp(name, "unread") == 0) options.unread = atoi(value);
    else if (strcmp(name, "protocol") == 0)
      options.protocol = strcmp(value, "socketio") == 0 ? SOCKETIO : strcmp(value, "nats") == 0   ? NATS
                         : strcmp(value, "grpc") == 0 ? GRPC
                                                      : RAW;
    else {
      fprintf(stderr, "unknown option %s\n", name);
      exit(1);
    }
  }
}

static void read_commands(void) {
  static char text[4096];
  static size_t length;
  ssize_t got = read(0, text + length, sizeof text - 1 - length);
  if (got == 0) exit(0);
  if (got < 0) return;
  length += (size_t)got;
  char *end;
  while ((end = memchr(text, '\n', length)) != NULL) {
    *end = 0;
    command(text);
    length -= (size_t)(end + 1 - text);
    memmove(text, end + 1, length);
  }
}

static void allow_files(rlim_t wanted) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max < wanted) {
    struct rlimit more = {wanted, wanted};
    if (setrlimit(RLIMIT_NOFILE, &more) == 0) return;
  }
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int count, char **words) {
  read_options(count, words);
  signal(SIGPIPE, SIG_IGN);
  allow_files((rlim_t)options.sockets + 100);
  instances = calloc((size_t)options.instances, sizeof *instances);
  connections = calloc((size_t)options.sockets, sizeof *connections);
  for (int i = 0; i < options.instances; i++) instances[i].mask = options.mixed ? masks[i % 8] : 63;
  for (int i = 0; i < options.sockets; i++) connections[i].instance = (uint32_t)(i % options.instances);
  int epoll = epoll_create1(0);
  fcntl(0, F_SETFL, O_NONBLOCK);
  struct epoll_event input = {.events = EPOLLIN, .data.ptr = NULL};
  epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &input);
  connections_init(epoll);
  if (pace_init(epoll) != 0) {
    perror("control channel");
    return 1;
  }
  for (;;) {
    static struct epoll_event events[1024];
    int ready = epoll_wait(epoll, events, 1024, pacing() ? 5 : -1);
    for (int i = 0; i < ready; i++) {
      void *source = events[i].data.ptr;
      if (source == NULL) read_commands();
      else if (source >= (void *)connections && source < (void *)(connections + options.sockets))
        connection_ready(source, events[i].events);
    }
    pace(now_ns());
    commands_check();
    if (options.rest_us > 0 && ready < 1024) usleep((useconds_t)options.rest_us);
  }
}
