/* One command per line on standard input, one line of JSON per command on standard output. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include "wsload.h"

static uint64_t connect_started;
static int connect_asked;

static void answer(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  uint64_t least = UNKNOWN, most = 0;
  for (int i = 0; i < options.sockets; i++) {
    if (!connections[i].counted) continue;
    if (connections[i].got < least) least = connections[i].got;
    if (connections[i].got > most) most = connections[i].got;
  }
  printf("{\"frames\":%lu,\"bytes\":%lu,\"published\":%lu,\"owed\":%ld,\"missing\":%lu,\"doubled\":%lu,", counters.frames,
         counters.bytes, counters.published, counters.owed, counters.missing, counters.doubled);
  printf("\"open\":%u,\"failed\":%u,\"cpu\":%.6f,", counters.open, counters.failed, cpu);
  printf("\"lengthMin\":%lu,\"lengthMax\":%lu,", counters.length_max == 0 ? 0 : counters.length_min, counters.length_max);
  printf("\"gotMin\":%lu,\"gotMax\":%lu,\"refusal\":\"", least == UNKNOWN ? 0 : least, most);
  for (const char *at = counters.refusal; *at >= ' '; at++)
    if (*at != '"' && *at != '\\') putchar(*at);
  printf("\",\"closes\":{");
  const char *comma = "";
  for (int code = 0; code < 5000; code++) {
    if (counters.closes[code] == 0) continue;
    printf("%s\"%d\":%u", comma, code, counters.closes[code]);
    comma = ",";
  }
  printf("},\"seconds\":%.6f,", (double)(now_ns() - connect_started) / 1e9);
  latency_print();
  printf("}\n");
  fflush(stdout);
}

/* `connect` is answered when it is done. */
void commands_check(void) {
  if (connect_asked && !connecting()) {
    connect_asked = 0;
    answer();
  }
}

void command(char *line) {
  char *name = strtok(line, " \n"), *first = strtok(NULL, " \n"), *second = strtok(NULL, " \n"), *third = strtok(NULL, " \n");
  if (name == NULL) return;
  if (strcmp(name, "connect") == 0) {
    connect_started = now_ns();
    connect_asked = 1;
    counters.failed = 0;
    connect_up_to(first == NULL ? options.sockets : atoi(first));
    return;
  }
  if (strcmp(name, "loop") == 0 && second != NULL) pace_loop(atoi(first), atoll(second), third == NULL ? atoi(first) : atoi(third));
  else if (strcmp(name, "rate") == 0 && first != NULL) pace_rate(atof(first));
  else if (strcmp(name, "hold") == 0) pace_hold();
  else if (strcmp(name, "reset") == 0) latency_reset();
  else if (strcmp(name, "freeze") == 0 && first != NULL) connections_freeze(atoi(first));
  else if (strcmp(name, "thaw") == 0) connections_thaw();
  else if (strcmp(name, "drop") == 0) connections_drop();
  else if (strcmp(name, "rest") == 0 && first != NULL) options.rest_us = atol(first);
  else if (strcmp(name, "quit") == 0) exit(0);
  else if (strcmp(name, "stat") != 0) fprintf(stderr, "unknown command %s\n", name);
  answer();
}
