/** Describes for the OpenAPI document the WebSocket upgrade, the one route that is no method of the contract. */

const description = `Opens a WebSocket on an instance. Send the headers of RFC 6455. The token may stand in the query, because a browser
cannot set headers here. Every event that the filter of the channel takes arrives as one text frame: a \`PlainFrame\`.

The node checks the request in this order: token (401), rate limit (429), instance (404, 403), whether the channel is enabled
(400), \`Origin\` (403), whether the node drains (503). For a request without upgrade headers the same checks run. When it
passes them all, the answer is 426.

A node that shuts down refuses upgrades with 503 and \`Retry-After\`: connect again after that number of seconds, and a balancer
leads to another node. The node closes its open sockets with 1001, spread over DRAIN_SECONDS. Each socket gets its events until
it is closed.

The gateway pings each socket, and cuts a peer that answers nothing for a minute, without a close frame. A client need not send
anything: the gateway reads its messages and throws them away. \`/asyncapi.json\` has the frames, and every close code with its
meaning.`;

export function upgradePath(rateHeaders, errorResponses) {
  return {
    "/ws/{instance}": {
      get: {
        operationId: "OpenWebsocket",
        summary: "Opens a WebSocket on an instance.",
        description: description.replace(/(?<!\n)\n(?!\n)/g, " "),
        security: [{ token: [] }, { bearer: [] }, { query: [] }],
        parameters: [
          {
            name: "instance",
            in: "path",
            required: true,
            description: "Name of the instance, case-sensitive. Percent-encode the name in a path.",
            schema: { type: "string", minLength: 1, maxLength: 100 },
          },
        ],
        responses: {
          101: { description: "Switching Protocols", headers: rateHeaders },
          ...errorResponses,
        },
      },
    },
  };
}
