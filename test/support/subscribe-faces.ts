/** The ways to call Subscribe: each protocol and form of messages, on both ports. */

import type { Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import type { PublicServer } from "./public-server.js";

export interface SubscribeFace {
  readonly name: string;
  open(server: PublicServer): Transport;
}

const json = { useBinaryFormat: false };

export const subscribeFaces: readonly SubscribeFace[] = [
  { name: "gRPC", open: ({ server }) => createGrpcTransport({ baseUrl: server.grpcUrl }) },
  { name: "gRPC with JSON", open: ({ server }) => createGrpcTransport({ baseUrl: server.grpcUrl, ...json }) },
  ...(["1.1", "2"] as const).flatMap((httpVersion) => [
    {
      name: `Connect on HTTP/${httpVersion}`,
      open: ({ server }: PublicServer) => createConnectTransport({ baseUrl: server.grpcUrl, httpVersion }),
    },
    {
      name: `Connect with JSON on HTTP/${httpVersion}`,
      open: ({ server }: PublicServer) => createConnectTransport({ baseUrl: server.grpcUrl, httpVersion, ...json }),
    },
    {
      name: `gRPC-Web on HTTP/${httpVersion}`,
      open: ({ server }: PublicServer) => createGrpcWebTransport({ baseUrl: server.grpcUrl, httpVersion }),
    },
  ]),
  {
    name: "gRPC-Web with JSON",
    open: ({ server }) => createGrpcWebTransport({ baseUrl: server.grpcUrl, httpVersion: "2", ...json }),
  },
  {
    name: "Connect on the public port",
    open: ({ url }) => createConnectTransport({ baseUrl: url, httpVersion: "1.1" }),
  },
  {
    name: "Connect with JSON on the public port",
    open: ({ url }) => createConnectTransport({ baseUrl: url, httpVersion: "1.1", ...json }),
  },
  {
    name: "gRPC-Web on the public port",
    open: ({ url }) => createGrpcWebTransport({ baseUrl: url, httpVersion: "1.1" }),
  },
];
