/** Events that the bus brings and the journal lacks: consumers get them in order, or are told of a gap. */

import { describe, expect, it } from "vitest";
import { jetStream } from "../support/history-nodes.js";
import { openHistoryPair } from "../support/history-pair.js";
import { lacks } from "../support/requirements.js";
import { until } from "../support/until.js";

describe.skipIf(await lacks("nats-server")).concurrent("JetStream", () => {
  it("never gets an event that its node sent to the others: they get it in order, and the positions from before are refused", async ({
    onTestFinished: atEnd,
  }) => {
    const pair = await openHistoryPair(atEnd, jetStream());
    const { a, b, scope, follower } = pair;
    const position = await pair.first();
    const before = Date.now();
    const { received } = a.bus.stats;
    b.publishToBusAlone(scope, 1);
    await until(() => a.bus.stats.received > received);
    b.publish(scope, 2);
    await follower.have(3);
    expect(follower.heard.slice(1)).toEqual([
      { n: 1, position: undefined },
      { n: 2, position: expect.any(String) },
    ]);
    await until(() => a.gaps.length > 0);
    for (const gap of a.gaps) expect(gap).toMatchObject({ reason: "history_interrupted" });
    expect(a.gaps[0]?.from).toBeGreaterThanOrEqual(before);
    expect(a.gaps[0]?.from).toBeLessThan(before + 1_000);
    await until(() => "refusal" in follower.following.resume(position));
    expect(follower.following.resume(position)).toMatchObject({ refusal: "expired" });
    b.publish(scope, 3);
    await follower.have(4);
    expect(follower.numbers()).toEqual([0, 1, 2, 3]);
  });

  it("lacks an event that the bus brings after a later one of the same node: a gap is told, and the event does not come", async ({
    onTestFinished: atEnd,
  }) => {
    const pair = await openHistoryPair(atEnd, jetStream());
    const { a, b, scope, follower } = pair;
    await pair.first();
    const late = b.draft(scope, 1);
    b.publish(scope, 2);
    await follower.have(2);
    b.bus.publish(late);
    await until(() => a.gaps.length > 0);
    expect(a.gaps[0]).toMatchObject({ reason: "history_interrupted", from: late.time, ...scope });
    b.publish(scope, 3);
    await follower.have(3);
    expect(follower.numbers()).toEqual([0, 2, 3]);
  });
});
