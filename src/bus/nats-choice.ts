/** The choice of NATS: its servers, and how this node logs in. */

import { readFileSync } from "node:fs";
import { type ConnectionOptions, credsAuthenticator, nkeyAuthenticator } from "@nats-io/transport-node";

export interface NatsChoice {
  /** The subject of an instance is `<prefix>.<id>`. */
  readonly subjectPrefix: string;
  readonly way: NatsWay;
}

/**
 * How NATS is reached: by the addresses of its servers, or by the file in which our own nats-server writes its address.
 */
export type NatsWay = NatsServers | { readonly addressFile: string };

export interface NatsServers {
  readonly servers: readonly string[];
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly token?: string | undefined;
  /** Paths of files. They are read again for each connection, because they may be renewed. */
  readonly nkeyFile?: string | undefined;
  readonly credsFile?: string | undefined;
  readonly tlsCa?: string | undefined;
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
}

/** Call it for each new connection. Throws when the file of our own nats-server does not exist. */
export function natsConnection(way: NatsWay): ConnectionOptions {
  if (!("addressFile" in way)) return toServers(way);
  const address = JSON.parse(readFileSync(way.addressFile, "utf8")) as NatsServers;
  // A restarted server has a new port and a new token.
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
