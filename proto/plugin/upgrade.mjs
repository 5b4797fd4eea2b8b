/** The one route that is no method of the contract: the WebSocket upgrade. */

const description = `Opens the channel of an instance. Send the headers of RFC 6455; the token may stand in the query, since browsers
cannot set headers here. Every event that the channel's filter takes arrives as one text frame: a \`PlainFrame\`.

Checked in this order: token (401), rate (429), instance (404, 403), channel enabled (400), Origin (403), whether the node
drains (503). Without upgrade headers the same checks run, and 426 says that all is well.

A node that shuts down refuses upgrades with 503 and \`Retry-After\`: come back after so many seconds, behind a balancer to
another node. It closes its open sockets with 1001, spread over DRAIN_SECONDS; until then they get their events.

The gateway pings. It cuts a peer that answers nothing for a minute, without a close frame. What a client sends is read and
thrown away; a client need not send anything. \`/asyncapi.json\` has the frames, and every close code with its meaning.`;

export function upgradePath(rateHeaders, errorResponses) {
  return {
    "/ws/{instance}": {
      get: {
        operationId: "OpenWebsocket",
        summary: "Opens the channel of an instance.",
        description: description.replace(/(?<!\n)\n(?!\n)/g, " "),
        security: [{ token: [] }, { bearer: [] }, { query: [] }],
        parameters: [
          {
            name: "instance",
            in: "path",
            required: true,
            description: "Name of the instance; percent-decoded and case-sensitive.",
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
