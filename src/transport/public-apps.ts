/**
 * The uWebSockets apps of the public port. An app keeps the certificate that it was made with, so with TLS there is a further
 * one for each further certificate: one app listens and hands every new connection to the newest, and those that are open
 * stay where they are.
 */

import { createApp, type ListenSocket, listen, type TemplatedApp, type TlsFiles } from "./uws.js";

/** Counts the WebSockets of one app. */
export interface Tally {
  opened(): void;
  closed(): void;
}

export type Mount = (app: TemplatedApp, tally: Tally) => void;

export class PublicApps {
  readonly #tls: TlsFiles | undefined;
  readonly #listening: TemplatedApp;
  /** The newest one is last. None is given up: what its connections run is in it (80 kB each). */
  readonly #apps: TemplatedApp[];
  /** The newest one, and those with WebSockets. */
  readonly #serving = new Set<TemplatedApp>();
  readonly #sockets = new Map<TemplatedApp, number>();
  #mount: Mount = () => {};

  constructor(tls: TlsFiles | undefined) {
    this.#tls = tls;
    this.#listening = createApp(tls);
    this.#apps = [tls === undefined ? this.#listening : createApp(tls)];
    this.#serving.add(this.#newest);
  }

  /** To be called once, before `listen`. `mount` is called again for every further app. */
  mount(mount: Mount): void {
    this.#mount = mount;
    this.#mountOn(this.#newest);
    if (this.#tls !== undefined) this.#listening.addChildAppDescriptor(this.#newest.getDescriptor());
  }

  /** From now on new connections see what the files hold now. Throws, and changes nothing, where they cannot be used. */
  renew(): void {
    const before = this.#newest;
    const app = createApp(this.#tls);
    this.#mountOn(app);
    this.#apps.push(app);
    this.#serving.add(app);
    // In one turn: no connection finds both, or none.
    this.#listening.addChildAppDescriptor(app.getDescriptor());
    this.#listening.removeChildAppDescriptor(before.getDescriptor());
    if (this.#sockets.get(before) === 0) this.#serving.delete(before);
  }

  publish(topic: string, frame: Uint8Array): void {
    for (const app of this.#serving) app.publish(topic, frame, false);
  }

  /** See `listen` of `uws.ts`. */
  listen(options: Parameters<typeof listen>[1]): Promise<ListenSocket | undefined> {
    return listen(this.#listening, options);
  }

  /** Cuts every connection. */
  close(): void {
    for (const app of new Set([this.#listening, ...this.#apps])) app.close();
  }

  get #newest(): TemplatedApp {
    return this.#apps.at(-1) as TemplatedApp;
  }

  #mountOn(app: TemplatedApp): void {
    this.#sockets.set(app, 0);
    const count = (by: number): void => {
      const sockets = (this.#sockets.get(app) ?? 0) + by;
      this.#sockets.set(app, sockets);
      if (sockets > 0) this.#serving.add(app);
      else if (app !== this.#newest) this.#serving.delete(app);
    };
    this.#mount(app, { opened: () => count(1), closed: () => count(-1) });
  }
}
