/** Workers of the mesh in processes of their own, with what they say. */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { onTestFinished } from "vitest";

export interface MeshWorker {
  readonly child: ChildProcess;
  /** Numbers of the events that it has heard. */
  readonly heard: readonly number[];
  /** Resolves when it hears the events of the instance from now on. */
  subscribe(instanceId: string): Promise<void>;
  /** Events 0 to `count` - 1 of so many bytes; resolves with whether they have reached the others. */
  publish(instanceId: string, count: number, size?: number): Promise<boolean>;
}

/** In force when it resolves: it knows the others, and they know it. Ends with its test. */
export async function startMeshWorker(directory: string, name: string, others: readonly string[]): Promise<MeshWorker> {
  const child = fork(resolve("test/support/mesh-worker.mjs"), [directory, name, ...others]);
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  });
  const heard: number[] = [];
  child.on("message", (message: { heard?: number }) => {
    if (message.heard !== undefined) heard.push(message.heard);
  });

  function said<T>(key: string): Promise<T> {
    return new Promise((done) => {
      child.on("message", function look(message: Record<string, T>) {
        if (!(key in message)) return;
        child.off("message", look);
        done(message[key] as T);
      });
    });
  }

  await said("ready");
  return {
    child,
    heard,
    async subscribe(instanceId) {
      child.send({ subscribe: instanceId });
      await said("subscribed");
    },
    publish(instanceId, count, size = 10) {
      child.send({ publish: instanceId, count, size });
      return said<boolean>("reached");
    },
  };
}
