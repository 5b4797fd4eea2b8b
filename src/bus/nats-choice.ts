/** Which NATS to use and how this node proves who it is there. */

import { readFileSync } from "node:fs";
import { type ConnectionOptions, credsAuthenticator, nkeyAuthenticator } from "@nats-io/transport-node";

export interface NatsChoice {
  /** The subject of an instance is `<prefix>.<id>`. */
  readonly subjectPrefix: string;
  readonly way: NatsWay;
}

/** The way to NATS: servers that somebody else runs, or the file in which our own nats-server says where it is. */
export type NatsWay = NatsServers | { readonly addressFile: string };

export interface NatsServers {
  readonly servers: readonly string[];
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly token?: string | undefined;
  /** Paths of files, read again for each connection: they may be renewed. */
  readonly nkeyFile?: string | undefined;
  readonly credsFile?: string | undefined;
  readonly tlsCa?: string | undefined;
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
}

/** To be asked for each connection that is dialled. Throws when the file of our own nats-server is not there. */
export function natsConnection(way: NatsWay): ConnectionOptions {
  if (!("addressFile" in way)) return toServers(way);
  const address = JSON.parse(readFileSync(way.addressFile, "utf8")) as NatsServers;
  // A server that is started again has another port and another token.
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
