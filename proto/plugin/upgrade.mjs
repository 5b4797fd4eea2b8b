/** Describes for the OpenAPI document the WebSocket upgrade, the one route that is no method of the contract. */

const description = `Opens a WebSocket on an instance. Send the headers of RFC 6455. A browser cannot set headers here. So a ticket may stand in
the query in place of a token; see CreateTicket and CreateAccountTicket. The token itself may stand in the query too, unless QUERY_TOKENS is \`off\`.
Every event that the filter of the channel takes arrives as one text frame: a \`PlainFrame\`.

The node checks the request in this order: token or ticket (401), rate limit (429), instance (404, 403), whether the channel is enabled
(400), \`Origin\` (403), whether the node drains (503). For a request without upgrade headers the same checks run. When it
passes them all, the answer is 426.

A node that shuts down refuses upgrades with 503 and \`Retry-After\`: connect again after that number of seconds, and a balancer
leads to another node. The node closes its open sockets with 1001, spread over DRAIN_SECONDS. Each socket gets its events until
it is closed.

A client that offers the sub-protocol \`eventwire.v1\`, or has \`protocol=eventwire.v1\` in its query, gets the frames of
\`eventwire.v1\` instead: \`EventFrame\` and the control frames. The other parameters of the query, except \`ticket\`, are for
such clients; for plain clients they mean nothing. A browser cannot see the status of a refused handshake. So the gateway accepts the handshake
of such a client, sends one \`RefusedFrame\` with status and text of the error, and closes with the code of the error. The
client gets the plain HTTP refusal when its token stands in a header, when its query has \`refusal=http\`, and while 256 other
clients are being told on this node.

With a TokenAccount such a client may leave the instance out: \`GET /ws\` opens a connection to all instances of the account. Each
event names its instance, and passes the filter of the channel of that instance as it is then. A disabled channel gives
nothing. \`config_changed\` tells of each instance that is created, changed or deleted. A TokenInstance is refused there with
403, and a plain client with 404. While a node of an older release is among the nodes, the connection is refused with the
reason \`OLDER_NODE\`, because it would lack the events of that node.

The gateway pings each socket, and cuts a peer that answers nothing for a minute, without a close frame. A client need not send
anything: the gateway reads the messages of plain clients and throws them away, and it takes \`ClientMessage\` from the others.
\`/asyncapi.json\` has the frames, and every close code with its meaning.`;

export function upgradePath(rateHeaders, errorResponses, eventTypes) {
  return {
    "/ws/{instance}": {
      get: {
        operationId: "OpenWebsocket",
        summary: "Opens a WebSocket on an instance.",
        description: description.replace(/(?<!\n)\n(?!\n)/g, " "),
        security: [{ token: [] }, { bearer: [] }, { query: [] }, { ticket: [] }],
        parameters: [
          {
            name: "instance",
            in: "path",
            required: true,
            description: "Name of the instance, case-sensitive. Percent-encode the name in a path.",
            schema: { type: "string", minLength: 1, maxLength: 100 },
          },
          ...queryParameters(eventTypes),
        ],
        responses: {
          101: { description: "Switching Protocols", headers: rateHeaders },
          ...errorResponses,
        },
      },
    },
  };
}

/** Of a text that a node has given to the client before. */
const mark = { type: "string", pattern: "^[\\x21-\\x7e]{1,64}$" };

function queryParameters(eventTypes) {
  const parameter = (name, description, schema) => ({ name, in: "query", required: false, description, schema });
  const names = eventTypes.map(({ name }) => name);
  return [
    parameter("protocol", "Asks for the consumer protocol, for a client that cannot offer a sub-protocol.", {
      type: "string",
      enum: ["eventwire.v1"],
    }),
    {
      ...parameter(
        "events",
        "Narrows the connection to these event types, at most 64. Repeat the parameter, or separate the names by commas. Without it the connection gets what the filter of the channel takes.",
        { type: "array", maxItems: 64, items: { type: "string", enum: names } },
      ),
      style: "form",
      explode: false,
    },
    parameter(
      "after",
      "Asks to go on after this position. This release keeps no history: `hello` says `resumed` false, and why.",
      mark,
    ),
    parameter(
      "previous",
      "The `connection` of an earlier `hello`. The next `hello` says in `previous` how that connection ended.",
      mark,
    ),
    parameter(
      "refusal",
      "`http` asks for plain HTTP refusals. Otherwise a client without a token in its headers reads a refusal in a `RefusedFrame`.",
      { type: "string", enum: ["http"] },
    ),
  ];
}
