/** The little of gRPC that a client needs which encodes its messages itself. */

export const grpcHeaders = (path, token) => ({
  ":method": "POST",
  ":path": path,
  "content-type": "application/grpc",
  te: "trailers",
  token,
});

/** Uncompressed, with the five bytes that go before each message. */
export function grpcMessage(bytes) {
  const message = Buffer.allocUnsafeSlow(5 + bytes.length);
  message[0] = 0;
  message.writeUInt32BE(bytes.length, 1);
  message.set(bytes, 5);
  return message;
}
