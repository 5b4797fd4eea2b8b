/** A worker of the mesh in a process of its own, which can be killed and stopped: told what to do by messages. */

import { openMeshBus } from "../../dist/src/bus/mesh-bus.js";

const [directory, name, ...others] = process.argv.slice(2);
const logger = { child: () => logger, warn() {}, error() {}, debug() {} };
const bus = await openMeshBus({ directory, name, join: async () => others, mayBeWanted: () => true, logger });

process.on("message", async ({ subscribe, publish, count, size }) => {
  if (subscribe !== undefined) {
    const subscription = bus.subscribe(subscribe, ({ data }) => {
      process.send({ heard: JSON.parse(Buffer.from(data).toString()).n });
    });
    await subscription.inForce;
    process.send({ subscribed: subscribe });
  }
  if (publish !== undefined) {
    for (let n = 0; n < count; n++) {
      const data = Buffer.from(JSON.stringify({ n, pad: "x".repeat(size) }));
      bus.publish({ instanceId: publish, type: "label.update", data });
    }
    process.send({ reached: (await bus.flush()) ?? true });
  }
});
process.send({ ready: true });
