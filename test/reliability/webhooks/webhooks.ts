/** The webhooks of the ledger, and what each of them took at which time. */

import type { EventType } from "../../../src/domain/event-type.js";
import { until } from "../../support/until.js";
import type { Channel } from "../channels.js";
import type { Cluster, Node, NodeProcess } from "../cluster.js";
import { bitsOf } from "../lives.js";
import type { Receiver } from "./receivers.js";

/** What a webhook does not change. */
export interface WebhookPlan {
  /** The index of the instance among the channels. Negative: counted from the last one. */
  readonly channel: number;
  readonly label: string;
  readonly ordered: boolean;
  readonly mediaBase64: boolean;
  readonly byEvents?: boolean;
  /** Whether the webhook is set anew and disabled during the run. */
  readonly changes: boolean;
}

/** What a webhook takes for now. */
export interface Setting {
  readonly enabled: boolean;
  /** Empty for all types. */
  readonly events: readonly EventType[];
  readonly receiver: Receiver;
}

/** A time in which every node had the same configuration of a webhook. */
export interface Stretch {
  readonly from: number;
  /** Infinity to the end of the run. */
  until: number;
  /** The bits of the event types that the webhook took. 0 while it was disabled. */
  readonly types: number;
}

export interface LedgerWebhook extends WebhookPlan {
  /** The name of the webhook in the path of its requests. */
  readonly index: number;
  /** The index of the instance. */
  readonly instance: number;
  readonly instanceName: string;
  /** In order of time. Between two of them nobody outside can tell which configuration a node has. */
  readonly stretches: Stretch[];
  current: Setting;
}

/** Longer than most answers on a busy machine, and so short that a request to a hanging receiver soon fails. */
const timeoutSeconds = 3;

/** Three webhooks of one instance, two that change, one of large frames, and others. Not set yet. */
export function planWebhooks(channels: readonly Channel[], receivers: readonly Receiver[]): LedgerWebhook[] {
  const [first, second, third] = receivers as [Receiver, Receiver, Receiver];
  const plain = { ordered: true, mediaBase64: false, changes: false, events: [], receiver: first };
  const few: EventType[] = ["message.status", "label.update"];
  const plans: readonly (WebhookPlan & Pick<Setting, "events" | "receiver">)[] = [
    { ...plain, channel: 0, label: "default", mediaBase64: true },
    { ...plain, channel: 0, label: "few", ordered: false, events: few, receiver: second },
    { ...plain, channel: 0, label: "elsewhere", receiver: third },
    { ...plain, channel: 1, label: "default", byEvents: true, receiver: second },
    { ...plain, channel: 2, label: "changing", changes: true, receiver: third },
    { ...plain, channel: 2, label: "changing, unordered", ordered: false, mediaBase64: true, changes: true },
    { ...plain, channel: 3, label: "default", ordered: false, mediaBase64: true },
    { ...plain, channel: -1, label: "large", mediaBase64: true, events: ["message.exchange"], receiver: second },
  ];
  return plans.map(({ events, receiver, ...one }, index) => {
    const { index: instance, name: instanceName } = channels.at(one.channel) as Channel;
    return { ...one, index, instance, instanceName, stretches: [], current: { enabled: true, events, receiver } };
  });
}

let lastSign = 0;

/** Sets a webhook, again until a node says that it is set. Resolves when every node has heard of it. */
export async function configure(
  cluster: Cluster,
  webhook: LedgerWebhook,
  setting: Setting,
  choose: () => Node,
): Promise<void> {
  const { index, instanceName, label, ordered, mediaBase64, byEvents = false, stretches } = webhook;
  const { enabled, events, receiver } = setting;
  const before = stretches.at(-1);
  if (before !== undefined) before.until = Date.now();
  webhook.current = setting;
  const url = `${receiver.origin}/webhook/${index}`;
  const full = { label, enabled, url, events, ordered, mediaBase64, byEvents, timeoutSeconds };
  const body = enabled ? full : { label, enabled };
  await insist(cluster, choose, 200, () => ({ path: `/api/events/webhook/${instanceName}`, body }));
  // Each node hears of changes in the order of their commits. So a node that knows the new instance knows the webhook.
  let sign = "";
  await insist(cluster, choose, 201, () => {
    sign = `sign-${++lastSign}`;
    return { path: "/api/instance/new", body: { name: sign, websocketEnabled: true } };
  });
  await Promise.all(cluster.nodes.map((node) => knows(cluster, node, sign)));
  stretches.push({ from: Date.now(), until: Number.POSITIVE_INFINITY, types: enabled ? bitsOf(events) : 0 });
}

/** Makes a call to one node after another until one gives the wanted answer. */
async function insist(
  cluster: Cluster,
  choose: () => Node,
  wanted: number,
  make: () => { readonly path: string; readonly body: object },
): Promise<void> {
  await until(async () => {
    const { running } = choose();
    if (running === undefined) return false;
    const { path, body } = make();
    const status = await cluster.call(running, "POST", path, body).then(
      async (answer) => {
        await answer.arrayBuffer();
        return answer.status;
      },
      () => undefined,
    );
    return status === wanted;
  });
}

/** So many connections in a row lead to every one of several workers, but for one time in 30,000. */
const connectionsPerWorker = 8;

/** Resolves when each worker of the node knows the instance. */
async function knows(cluster: Cluster, node: Node, instance: string): Promise<void> {
  await until(async () => {
    const process = node.running;
    if (process === undefined) return false;
    const asks = node.workers === 1 ? 1 : connectionsPerWorker * node.workers;
    for (let ask = 0; ask < asks; ask++) {
      if ((await statusOverNewConnection(process, `/ws/${instance}`, cluster.token)) !== 426) return false;
    }
    return node.running === process;
  });
}

function statusOverNewConnection({ url }: NodeProcess, path: string, token: string): Promise<number | undefined> {
  return fetch(url + path, { headers: { token, connection: "close" }, signal: AbortSignal.timeout(10_000) }).then(
    async (answer) => {
      await answer.arrayBuffer();
      return answer.status;
    },
    () => undefined,
  );
}

export interface ListedDelivery {
  readonly eventId: string;
  readonly last?: { readonly error?: string };
}

/** The first page of the deliveries in a state, or all of them. */
export async function deliveriesOf(
  cluster: Cluster,
  { instanceName, label }: LedgerWebhook,
  state: "waiting" | "dead",
  pages = Number.POSITIVE_INFINITY,
): Promise<ListedDelivery[]> {
  const process = cluster.nodes[0]?.running as NodeProcess;
  const found: ListedDelivery[] = [];
  let cursor = "";
  for (let page = 0; page < pages; page++) {
    const query = `label=${encodeURIComponent(label)}&state=${state}&limit=1000${cursor && `&cursor=${cursor}`}`;
    const answer = await cluster.call(process, "GET", `/api/events/webhook/${instanceName}/deliveries?${query}`);
    if (answer.status !== 200) throw new Error(`The deliveries of ${instanceName} were not listed: ${answer.status}.`);
    const { deliveries, nextCursor } = (await answer.json()) as { deliveries: ListedDelivery[]; nextCursor?: string };
    found.push(...deliveries);
    if (nextCursor === undefined) break;
    cursor = nextCursor;
  }
  return found;
}
