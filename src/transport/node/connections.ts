/** Keeps the connections of the service port, and limits how many connections may be without a valid token. */

import type { Socket } from "node:net";
import { remoteKey } from "../../rpc/admission/remote-key.js";
import type { ServiceLimits } from "./limits.js";

export class Connection {
  /** The remote IPv4 address, or the /64 network of the remote IPv6 address. */
  readonly address: string;
  /** True until the connection has shown whether it speaks HTTP/1.1 or HTTP/2. */
  undecided = true;
  /** True once a call with a valid token has arrived on the connection. */
  authenticated = false;
  /** Number of open calls on the connection. */
  calls = 0;

  /** `socket` is the TCP socket, also when TLS runs over it. */
  constructor(readonly socket: Socket) {
    this.address = remoteKey(socket.remoteAddress ?? "unknown");
  }
}

export class Connections {
  readonly #limits: ServiceLimits;
  readonly #onEvicted: (address: string) => void;
  /**
   * The connections by the address and port of the peer. The socket cannot be the key, because TLS wraps the TCP socket
   * in another socket.
   */
  readonly #byPeer = new Map<string, Connection>();
  /** The connections without a valid token, the oldest first. */
  readonly #anonymous = new Set<Connection>();
  readonly #anonymousPerAddress = new Map<string, number>();

  /** `onEvicted` is called with the address of each connection that is closed to make room for a newer one. */
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

  /** Returns the connection of a TCP or TLS socket. Undefined when the connection has closed already. */
  of(socket: Socket): Connection | undefined {
    return this.#byPeer.get(peerOf(socket));
  }

  authenticate(connection: Connection): void {
    connection.authenticated = true;
    this.#forget(connection);
  }

  /** Cuts the connections that have not shown which protocol they speak. */
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

  /**
   * When there are too many connections without a valid token, of one address or in all, closes the oldest of them. The
   * newest one stays, because a client with a token shows it at once and then no longer counts.
   */
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
