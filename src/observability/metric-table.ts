/**
 * Every metric that Eventwire itself counts, by name. prom-client adds those of Node.js. `docs/METRICS.md` is generated
 * from this table.
 */

export interface MetricRow {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly labels: readonly string[];
  readonly help: string;
}

export const metricTable = {
  calls: {
    name: "eventwire_calls_total",
    type: "counter",
    labels: ["method", "code"],
    help: "Calls answered over any protocol, by method, and by `ok` or the canonical error code.",
  },
  callSeconds: {
    name: "eventwire_call_duration_seconds",
    type: "histogram",
    labels: ["method"],
    help: "Seconds from the moment at which a call is decoded to its answer. Calls refused for their token or a rate limit are not counted.",
  },
  rateLimited: {
    name: "eventwire_rate_limited_total",
    type: "counter",
    labels: ["bucket"],
    help: "Calls and upgrades refused by a rate limit: `global`, `create` or `publish`.",
  },
  countedAlone: {
    name: "eventwire_rate_counted_alone_total",
    type: "counter",
    labels: [],
    help: "Calls and upgrades whose rate limit this node counted alone, because the database, which counts for all nodes, did not answer.",
  },
  upgrades: {
    name: "eventwire_upgrades_total",
    type: "counter",
    labels: ["outcome"],
    help: "WebSocket upgrades, by outcome: `accepted`, `aborted` (the client left before the answer) or the reason of the refusal.",
  },
  sockets: {
    name: "eventwire_sockets",
    type: "gauge",
    labels: [],
    help: "WebSockets and Subscribe streams that are open now.",
  },
  socketCloses: {
    name: "eventwire_socket_closes_total",
    type: "counter",
    labels: ["code"],
    help: "WebSockets and Subscribe streams that the gateway closed, by close code. 4008 means a slow consumer, 1006 a connection that was cut without a word.",
  },
  published: {
    name: "eventwire_events_published_total",
    type: "counter",
    labels: [],
    help: "Events accepted from producers.",
  },
  withoutClient: {
    name: "eventwire_events_without_client_total",
    type: "counter",
    labels: [],
    help: "Published events whose instance had no open WebSocket or Subscribe stream on this node.",
  },
  keys: {
    name: "eventwire_idempotency_keys_total",
    type: "counter",
    labels: ["outcome"],
    help: "Events with an idempotency key, by outcome: `published`, `repeated` (answered with the first answer), `key_used` (the key belongs to another event), `unknown`, or `unavailable` (the database did not answer).",
  },
  filtered: {
    name: "eventwire_events_filtered_total",
    type: "counter",
    labels: [],
    help: "Published events that the filter of their instance did not take. No frame was built for them.",
  },
  framesBuilt: {
    name: "eventwire_frames_built_total",
    type: "counter",
    labels: [],
    help: "Frames that were built. A frame is built once per event, however many consumers get it.",
  },
  framesDelivered: {
    name: "eventwire_frames_delivered_total",
    type: "counter",
    labels: [],
    help: "Frames that were written to consumers, or that wait for slow consumers.",
  },
  busConnected: {
    name: "eventwire_bus_connected",
    type: "gauge",
    labels: [],
    help: "1 while this node can reach the other nodes, or when there are no other nodes; else 0.",
  },
  busSent: {
    name: "eventwire_bus_events_sent_total",
    type: "counter",
    labels: [],
    help: "Events sent to other nodes.",
  },
  busUnwanted: {
    name: "eventwire_bus_events_unwanted_total",
    type: "counter",
    labels: [],
    help: "Events that no other node wanted. They were neither encoded nor sent.",
  },
  busUnreached: {
    name: "eventwire_bus_events_unreached_total",
    type: "counter",
    labels: [],
    help: "Events that other nodes may have missed because the bus was away. The answers to their publishers said so.",
  },
  busReceived: {
    name: "eventwire_bus_events_received_total",
    type: "counter",
    labels: [],
    help: "Events that came from other nodes.",
  },
  busMissed: {
    name: "eventwire_bus_events_missed_total",
    type: "counter",
    labels: [],
    help: "Events of other nodes that never arrived although the bus was there. A gap in the numbers of the events showed the loss.",
  },
  busInterruptions: {
    name: "eventwire_bus_interruptions_total",
    type: "counter",
    labels: [],
    help: "Interruptions: spans in which this node may have missed events of other nodes, because the bus was away.",
  },
  busInterruptedSeconds: {
    name: "eventwire_bus_interrupted_seconds_total",
    type: "counter",
    labels: [],
    help: "Seconds that all interruptions lasted together. An interruption counts when it has ended.",
  },
  busSlowConsumer: {
    name: "eventwire_bus_slow_consumer_total",
    type: "counter",
    labels: [],
    help: "How often the bus reported that this node takes events from the bus too slowly.",
  },
  historyAvailable: {
    name: "eventwire_history_available",
    type: "gauge",
    labels: [],
    help: "1 while a consumer of `eventwire.v1` that connects to this node can go on after a position, or when the settings switch the history off; else 0.",
  },
  historyEvents: {
    name: "eventwire_history_events",
    type: "gauge",
    labels: [],
    help: "Events that this node keeps for consumers of `eventwire.v1` that connect again.",
  },
  historyBytes: {
    name: "eventwire_history_bytes",
    type: "gauge",
    labels: [],
    help: "Bytes of memory that these events take, with an upper estimate for their objects.",
  },
  historyDropped: {
    name: "eventwire_history_dropped_total",
    type: "counter",
    labels: ["limit"],
    help: "Events that are not kept any more, by the limit that they exceeded: `seconds` (HISTORY_SECONDS), `events` (HISTORY_EVENTS) or `bytes` (HISTORY_BYTES).",
  },
  resumes: {
    name: "eventwire_resumes_total",
    type: "counter",
    labels: ["outcome"],
    help: "Connections of consumers that asked to go on after a position, by outcome: `resumed`, or why not: `expired` (not all events since the position are kept), `another_history` (the position is of another history, such as that of a node before its restart), `malformed` (the text is not a position), `away` (the history is away) or `off` (no history is kept).",
  },
  directoryReady: {
    name: "eventwire_directory_ready",
    type: "gauge",
    labels: [],
    help: "1 once the node has read tokens and configurations from the database, else 0.",
  },
  webhookAttempts: {
    name: "eventwire_webhook_attempts_total",
    type: "counter",
    labels: ["cause"],
    help: "Attempts to deliver an event to a webhook, by `delivered` or the cause of the failure.",
  },
  webhookAttemptSeconds: {
    name: "eventwire_webhook_attempt_duration_seconds",
    type: "histogram",
    labels: [],
    help: "Seconds that an attempt took, from the look-up of the address to the answer.",
  },
  webhookRequests: {
    name: "eventwire_webhook_requests",
    type: "gauge",
    labels: [],
    help: "Requests to webhooks that are under way on this node.",
  },
  webhookStored: {
    name: "eventwire_webhook_events_stored_total",
    type: "counter",
    labels: [],
    help: "Events that this node stored for webhooks.",
  },
  webhookNotStored: {
    name: "eventwire_webhook_events_not_stored_total",
    type: "counter",
    labels: [],
    help: "Events that webhooks wanted and that this node could not store, because the database was away.",
  },
  webhookRefused: {
    name: "eventwire_webhook_events_refused_total",
    type: "counter",
    labels: [],
    help: "Events that this node refused because the queue of a webhook was full.",
  },
  webhookDropped: {
    name: "eventwire_webhook_dropped_total",
    type: "counter",
    labels: [],
    help: "Deliveries that this node dropped because the queue of their webhook was full.",
  },
  webhookWaiting: {
    name: "eventwire_webhook_waiting",
    type: "gauge",
    labels: [],
    help: "Deliveries that wait for webhooks in the whole database. Every node shows the same number.",
  },
  webhookWaitingBytes: {
    name: "eventwire_webhook_waiting_bytes",
    type: "gauge",
    labels: [],
    help: "Bytes of events that wait for webhooks in the whole database. Every node shows the same number.",
  },
  webhookOldestAge: {
    name: "eventwire_webhook_oldest_age_seconds",
    type: "gauge",
    labels: [],
    help: "Age of the oldest delivery that waits for a webhook in the whole database; 0 when none waits.",
  },
  webhookDead: {
    name: "eventwire_webhook_dead",
    type: "gauge",
    labels: [],
    help: "Dead deliveries in the whole database, which can be replayed. Every node shows the same number.",
  },
  webhookDisabled: {
    name: "eventwire_webhook_disabled",
    type: "gauge",
    labels: [],
    help: "Webhooks in the whole database that the gateway has disabled. Every node shows the same number.",
  },
} as const satisfies Record<string, MetricRow>;
