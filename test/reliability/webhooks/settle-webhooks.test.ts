import { describe, expect, it } from "vitest";
import type { Publication } from "../books.js";
import { bitsOf } from "../lives.js";
import { readArrivals } from "./arrivals.js";
import { type Breakages, reasons } from "./duplicates.js";
import { settleWebhooks, type WebhookBooks } from "./settle-webhooks.js";
import type { LedgerWebhook, Stretch } from "./webhooks.js";

/** Numbers 1 to 5 of one connection, published at the times 100, 200, … and answered 50 ms later. */
function events(change: (event: Publication) => Partial<Publication> = () => ({})): Publication[] {
  return [1, 2, 3, 4, 5].map((n) => {
    const event: Publication = {
      ...{ publisher: 7, connection: 1, n, instance: 0, type: "call.update", wanted: true, process: 1 },
      ...{ startedAt: n * 100, answeredAt: n * 100 + 50, answer: "ok", id: `id-${n}` },
    };
    return { ...event, ...change(event) };
  });
}

const third = (more: Partial<Publication>) => events(({ n }) => (n === 3 ? more : {}));
const always: Stretch[] = [{ from: 0, until: Number.POSITIVE_INFINITY, types: bitsOf([]) }];

function webhook(more: Partial<LedgerWebhook> = {}): LedgerWebhook {
  const plan = { channel: 0, label: "default", ordered: true, mediaBase64: false, changes: false };
  const current = { enabled: true, events: [], receiver: {} as LedgerWebhook["current"]["receiver"] };
  return { ...plan, index: 0, instance: 0, instanceName: "ledger-0", stretches: always, current, ...more };
}

/** The line that a receiver writes when a number comes, a second after it was published. */
function took(
  n: number,
  { key = `1-${n}`, mood = "well", at = n * 100 + 1_000, id = `id-${n}`, media = "-" } = {},
): string {
  return `took ${key} 1 ${mood} 0 0 7 ${n} ${at} ${id} ${media}`;
}

function answeredLine(n: number, key = `1-${n}`): string {
  return `answered ${key} ${n * 100 + 1_001}`;
}

const received = (numbers: readonly number[]) => numbers.flatMap((n) => [took(n), answeredLine(n)]);
const nothingBroke: Breakages = { troubles: [], deaths: [], databaseAway: [], nodeStopped: [], leasesLost: [] };

async function settled(published: Publication[], lines: readonly string[], more: Partial<WebhookBooks> = {}) {
  const arrivals = await readArrivals(lines);
  const books = { webhooks: [webhook()], arrivals, disabled: [new Set<string>()], breakages: nothingBroke, ...more };
  return settleWebhooks({ published: [new Map([[7, published]])], faults: [] }, books);
}

describe("the ledger of webhooks", () => {
  it("is satisfied with every answered event, once and in order", async () => {
    const { total, lost, disordered, wrong } = await settled(events(), received([1, 2, 3, 4, 5]));
    expect(total).toMatchObject({ due: 5, arrived: 5, lost: 0, duplicates: 0 });
    expect([lost, disordered, wrong]).toEqual([[], [], []]);
  });

  it("finds what is lost, and what came in the wrong order where the order holds", async () => {
    expect((await settled(events(), received([1, 2, 4, 5]))).lost).toHaveLength(1);
    expect((await settled(events(), received([1, 3, 2, 4, 5]))).disordered).toHaveLength(1);
    const unordered = { webhooks: [webhook({ ordered: false })] };
    expect((await settled(events(), received([1, 3, 2, 4, 5]), unordered)).disordered).toEqual([]);
    const otherConnection = third({ connection: 2 });
    expect((await settled(otherConnection, received([1, 2, 4, 5, 3]))).disordered).toEqual([]);
  });

  it("expects an event that other nodes may have missed, and nothing of one without an answer", async () => {
    expect((await settled(third({ answer: "unreached" }), received([1, 2, 4, 5]))).lost).toHaveLength(1);
    for (const answer of ["none", "unstored"] as const) {
      expect((await settled(third({ answer }), received([1, 2, 4, 5]))).total).toMatchObject({ due: 4, lost: 0 });
      const { total, wrong } = await settled(third({ answer }), received([1, 2, 3, 4, 5]));
      expect([total.unanswered, wrong]).toEqual([1, []]);
    }
  });

  it("finds what was refused, filtered out or published nowhere", async () => {
    expect((await settled(third({ answer: "error" }), received([1, 2, 3, 4, 5]))).wrong).toHaveLength(1);
    const filtered = webhook({ stretches: [{ ...(always[0] as Stretch), types: bitsOf(["call.update"]) }] });
    const published = third({ type: "label.update" });
    expect((await settled(published, received([1, 2, 3, 4, 5]), { webhooks: [filtered] })).wrong).toHaveLength(1);
    expect((await settled(published, received([1, 2, 4, 5]), { webhooks: [filtered] })).lost).toEqual([]);
    expect((await settled(events(), received([1, 2, 3, 4, 5, 6]))).wrong).toHaveLength(1);
  });

  it("finds another id, and other media than the webhook asked for", async () => {
    const lines = [...received([1, 2, 4, 5]), took(3, { id: "id-other" })];
    const unordered = [webhook({ ordered: false })];
    expect((await settled(events(), lines, { webhooks: unordered })).wrong).toHaveLength(1);
    const media = [...received([1, 2, 4, 5]), took(3, { media: "bWVkaWE=" })];
    expect((await settled(events(), media, { webhooks: unordered })).wrong).toHaveLength(1);
    const asked = [webhook({ mediaBase64: true })];
    const exchange = third({ type: "message.exchange" });
    expect((await settled(exchange, received([1, 2, 3, 4, 5]), { webhooks: asked })).wrong).toHaveLength(1);
  });

  it("does not count what was published while the webhook changed", async () => {
    const stretches = [
      { from: 0, until: 320, types: bitsOf([]) },
      { from: 390, until: Number.POSITIVE_INFINITY, types: 0 },
    ];
    const { total, wrong } = await settled(events(), received([1, 2]), { webhooks: [webhook({ stretches })] });
    expect([total, wrong]).toMatchObject([{ due: 2, arrived: 2, uncertain: 1, lost: 0 }, []]);
  });

  it("lets an event die only when it is listed as dead because its webhook was disabled", async () => {
    const disabled = [new Set(["id-3"])];
    expect((await settled(events(), received([1, 2, 4, 5]), { disabled })).total).toMatchObject({
      disabled: 1,
      lost: 0,
    });
    expect((await settled(events(), received([1, 2, 5]), { disabled })).total).toMatchObject({ disabled: 1, lost: 1 });
  });

  it.each([
    { reason: reasons.unexplained, first: [took(3), answeredLine(3)] },
    { reason: reasons.noAnswer, first: [took(3, { mood: "hanging" })] },
    { reason: reasons.receiverCut, first: [took(3, { mood: "cutting" })] },
    { reason: reasons.receiverKilled, first: [took(3)], breakages: { troubles: [receiver("killed", 1_350)] } },
    {
      reason: reasons.unexplained,
      first: [took(3), answeredLine(3)],
      breakages: { troubles: [receiver("killed", 9_000)] },
    },
    {
      reason: reasons.noAnswer,
      first: [took(3), answeredLine(3)],
      breakages: { troubles: [receiver("stopped", 1_200)] },
    },
    { reason: reasons.nodeKilled, first: [took(3)], breakages: { deaths: [{ process: 1, at: 1_350, goneAt: 1_360 }] } },
    {
      reason: reasons.nodeKilled,
      first: [took(3), answeredLine(3)],
      breakages: { deaths: [{ process: 1, at: 1_350, goneAt: 1_360 }] },
    },
    {
      reason: reasons.databaseAway,
      first: [took(3), answeredLine(3)],
      breakages: { databaseAway: [{ from: 1_350, until: 1_360 }] },
    },
    {
      reason: reasons.nodeStopped,
      first: [took(3), answeredLine(3)],
      breakages: { nodeStopped: [{ from: 1_250, until: 1_360 }] },
    },
    {
      reason: reasons.leasesLost,
      first: [took(3), answeredLine(3)],
      breakages: { leasesLost: [{ from: 4_000, until: 4_000 }] },
    },
  ])("says why an event came again: $reason", async ({ reason, first, breakages = {} }) => {
    const again = [took(3, { key: "2-1", at: 8_000 }), answeredLine(3, "2-1")];
    const settlement = await settled(events(), [...received([1, 2]), ...first, ...again, ...received([4, 5])], {
      breakages: { ...nothingBroke, ...breakages },
    });
    expect([...settlement.reasons]).toEqual([[reason, 1]]);
    expect(settlement.wrong).toHaveLength(reason === reasons.unexplained ? 1 : 0);
    expect(settlement.total).toMatchObject({ arrived: 5, duplicates: 1 });
  });

  it("finds an event that came again under another id", async () => {
    const again = took(5, { key: "2-1", id: "id-other", at: 8_000 });
    const lines = [...received([1, 2, 3, 4]), took(5, { mood: "hanging" }), again];
    expect((await settled(events(), lines)).wrong).toHaveLength(1);
  });
});

function receiver(what: "killed" | "stopped", from: number) {
  return { pid: 1, what, from, until: from + 10 };
}
