/** The connections of the service port. The number of those that have not shown a valid token is bounded. */

import type { Socket } from "node:net";
import { remoteKey } from "../rpc/remote-key.js";
import type { ServiceLimits } from "./service-limits.js";

export class Connection {
  /** IPv4 address, or the network of an IPv6 address. */
  readonly address: string;
  /** It has not said yet which protocol it speaks. */
  undecided = true;
  /** It has shown a valid token. */
  authenticated = false;
  /** Calls that are open. */
  calls = 0;

  /** `socket` is the one of TCP, whatever runs over it. */
  constructor(readonly socket: Socket) {
    this.address = remoteKey(socket.remoteAddress ?? "unknown");
  }
}

export class Connections {
  readonly #limits: ServiceLimits;
  readonly #onEvicted: (address: string) => void;
  /** By the peer's address and port: TLS wraps a socket in another. */
  readonly #byPeer = new Map<string, Connection>();
  /** The oldest first. */
  readonly #anonymous = new Set<Connection>();
  readonly #anonymousPerAddress = new Map<string, number>();

  /** `onEvicted` hears of each that has to go for another. */
  constructor(limits: ServiceLimits, onEvicted: (address: string) => void) {
    this.#limits = limits;
    this.#onEvicted = onEvicted;
  }

  add(socket: Socket): void {
    const peer = peerOf(socket);
    const connection = new Connection(socket);
    this.#byPeer.set(peer, connection);
    this.#anonymous.add(connection);
    this.#count(connection.address, 1);
    socket.once("close", () => {
      this.#byPeer.delete(peer);
      this.#forget(connection);
    });
    this.#makeRoom(connection.address);
  }

  /** Undefined when it is gone already. */
  of(socket: Socket): Connection | undefined {
    return this.#byPeer.get(peerOf(socket));
  }

  authenticate(connection: Connection): void {
    connection.authenticated = true;
    this.#forget(connection);
  }

  /** Cuts those that have not said what they speak. */
  cutUndecided(): void {
    for (const { undecided, socket } of this.#byPeer.values()) if (undecided) socket.destroy();
  }

  cutAll(): void {
    for (const { socket } of this.#byPeer.values()) socket.destroy();
  }

  #forget(connection: Connection): void {
    if (this.#anonymous.delete(connection)) this.#count(connection.address, -1);
  }

  #count(address: string, change: number): void {
    const count = (this.#anonymousPerAddress.get(address) ?? 0) + change;
    if (count === 0) this.#anonymousPerAddress.delete(address);
    else this.#anonymousPerAddress.set(address, count);
  }

  /** The oldest goes, not the newest: whoever has a token shows it at once and is no longer counted. */
  #makeRoom(address: string): void {
    const { anonymousConnections, anonymousConnectionsPerAddress } = this.#limits;
    if ((this.#anonymousPerAddress.get(address) ?? 0) > anonymousConnectionsPerAddress) this.#evict(address);
    else if (this.#anonymous.size > anonymousConnections) this.#evict(undefined);
  }

  #evict(address: string | undefined): void {
    for (const connection of this.#anonymous) {
      if (address !== undefined && connection.address !== address) continue;
      this.#forget(connection);
      connection.socket.destroy();
      this.#onEvicted(connection.address);
      return;
    }
  }
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
