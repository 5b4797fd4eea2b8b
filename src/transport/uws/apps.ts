/**
 * The uWebSockets apps of the public port. An app keeps the certificate with which it was made. So with TLS each new
 * certificate needs a new app. One app listens and hands every new connection to the newest app. Open connections stay
 * with their app.
 */

import { createApp, type ListenSocket, listen, type TemplatedApp, type TlsFiles } from "./uws.js";

/** Counts the open WebSockets of one app. */
export interface Tally {
  opened(): void;
  closed(): void;
}

export type Mount = (app: TemplatedApp, tally: Tally) => void;

export class PublicApps {
  readonly #tls: TlsFiles | undefined;
  readonly #listening: TemplatedApp;
  /**
   * The apps that serve connections, the newest one last. No app is removed, because connections may still run in it.
   * An app takes 80 kB.
   */
  readonly #apps: TemplatedApp[];
  /** The newest app and every app with open WebSockets. Broadcasts go to these apps. */
  readonly #serving = new Set<TemplatedApp>();
  readonly #sockets = new Map<TemplatedApp, number>();
  #mount: Mount = () => {};

  constructor(tls: TlsFiles | undefined) {
    this.#tls = tls;
    this.#listening = createApp(tls);
    this.#apps = [tls === undefined ? this.#listening : createApp(tls)];
    this.#serving.add(this.#newest);
  }

  /**
   * Mounts the routes on the newest app. Call this method once, before `listen`. The function `mount` is called again
   * for every new app.
   */
  mount(mount: Mount): void {
    this.#mount = mount;
    this.#mountOn(this.#newest);
    if (this.#tls !== undefined) this.#listening.addChildAppDescriptor(this.#newest.getDescriptor());
  }

  /**
   * Makes new connections see the certificate that the TLS files hold now. Throws and changes nothing when that
   * certificate cannot be used.
   */
  renew(): void {
    const before = this.#newest;
    const app = createApp(this.#tls);
    this.#mountOn(app);
    this.#apps.push(app);
    this.#serving.add(app);
    // Both steps are in one turn of the event loop, so no new connection finds both apps or none.
    this.#listening.addChildAppDescriptor(app.getDescriptor());
    this.#listening.removeChildAppDescriptor(before.getDescriptor());
    if (this.#sockets.get(before) === 0) this.#serving.delete(before);
  }

  publish(topic: string, frame: Uint8Array): void {
    for (const app of this.#serving) app.publish(topic, frame, false);
  }

  /** Listens on a port and hands new connections to the newest app. See `listen` of `uws.ts`. */
  listen(options: Parameters<typeof listen>[1]): Promise<ListenSocket | undefined> {
    return listen(this.#listening, options);
  }

  /** Stops listening and cuts every connection of every app. */
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
