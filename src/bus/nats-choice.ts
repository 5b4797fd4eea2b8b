/** The choice of NATS servers and of the way to log in, and the connection options that are made from it. */

import { readFileSync } from "node:fs";
import { type ConnectionOptions, credsAuthenticator, nkeyAuthenticator } from "@nats-io/transport-node";

export interface NatsChoice {
  /** The first part of every NATS subject. The subject of an instance is `<subjectPrefix>.<instance id>`. */
  readonly subjectPrefix: string;
  readonly way: NatsWay;
}

/**
 * How a node finds NATS: by the addresses of servers, or by the file in which Eventwire's own nats-server has its
 * address.
 */
export type NatsWay = NatsServers | { readonly addressFile: string };

export interface NatsServers {
  readonly servers: readonly string[];
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly token?: string | undefined;
  /**
   * `nkeyFile`, `credsFile`, `tlsCa`, `tlsCert` and `tlsKey` are paths. Every new connection reads these files again,
   * because an operator may have renewed them. The connection uses TLS when a server's URL begins with `tls:`, and when
   * `tlsCa` or `tlsCert` is given.
   */
  readonly nkeyFile?: string | undefined;
  readonly credsFile?: string | undefined;
  readonly tlsCa?: string | undefined;
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
}

/**
 * Makes the options of one connection. Call this anew for each connection. Throws when the address file of Eventwire's
 * own nats-server cannot be read, as while that server does not run.
 */
export function natsConnection(way: NatsWay): ConnectionOptions {
  if (!("addressFile" in way)) return toServers(way);
  const address = JSON.parse(readFileSync(way.addressFile, "utf8")) as NatsServers;
  // The NATS client library must not reconnect by itself, because a restarted nats-server has a new port and a new
  // token.
  return { ...toServers(address), reconnect: false };
}

function toServers(choice: NatsServers): ConnectionOptions {
  const { servers, user, password, token, nkeyFile, credsFile, tlsCa, tlsCert, tlsKey } = choice;
  const options: ConnectionOptions = { servers: [...servers], name: "eventwire" };
  if (user !== undefined) options.user = user;
  if (password !== undefined) options.pass = password;
  if (token !== undefined) options.token = token;
  if (nkeyFile !== undefined) {
    options.authenticator = nkeyAuthenticator(() => Buffer.from(readFileSync(nkeyFile, "utf8").trim()));
  }
  if (credsFile !== undefined) options.authenticator = credsAuthenticator(() => readFileSync(credsFile));
  const secure = servers.some((server) => server.startsWith("tls:"));
  if (secure || tlsCa !== undefined || tlsCert !== undefined) {
    options.tls = {
      ...(tlsCa !== undefined && { caFile: tlsCa }),
      ...(tlsCert !== undefined && { certFile: tlsCert }),
      ...(tlsKey !== undefined && { keyFile: tlsKey }),
    };
  }
  return options;
}
