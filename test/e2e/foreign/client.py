"""A client of the gateway with nothing but Python's standard library: HTTP calls, and RFC 6455 over a socket."""

import base64
import hashlib
import http.client
import json
import os
import socket
import struct
import sys

host, port, account, name = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]


def call(method, path, body=None):
    connection = http.client.HTTPConnection(host, port)
    headers = {"Authorization": "Bearer " + account}
    if body is not None:
        headers["Content-Type"] = "application/json"
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def connect(path):
    """The opening handshake of section 4.1."""
    stream = socket.create_connection((host, port))
    key = base64.b64encode(os.urandom(16)).decode()
    stream.sendall(
        f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    reader = stream.makefile("rb")
    assert b" 101 " in reader.readline()
    headers = {}
    while (line := reader.readline()) != b"\r\n":
        field, _, value = line.decode().partition(":")
        headers[field.lower()] = value.strip()
    digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
    assert headers["sec-websocket-accept"] == base64.b64encode(digest).decode()
    return stream, reader


def receive(stream, reader):
    """One unfragmented frame of section 5.2; the server must not mask. Pings on the way are answered, as section 5.5.2 asks."""
    while True:
        opcode, payload = read_frame(reader)
        if opcode != 9:
            return opcode, payload
        send(stream, 10, payload)


def read_frame(reader):
    first, second = reader.read(2)
    assert first & 0xF0 == 0x80 and second & 0x80 == 0
    length = second
    if length == 126:
        (length,) = struct.unpack(">H", reader.read(2))
    elif length == 127:
        (length,) = struct.unpack(">Q", reader.read(8))
    return first & 0x0F, reader.read(length)


def send(stream, opcode, payload):
    """A client masks, section 5.3."""
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    stream.sendall(bytes([0x80 | opcode, 0x80 | len(payload)]) + mask + masked)


status, created = call("POST", "/api/instance/new", {"name": name, "websocketEnabled": True})
assert status == 201, created
stream, reader = connect(f"/ws/{name}?token={created['instance']['token']}")
for text in ["short", "x" * 1000, "é" * 100_000]:
    status, answer = call("POST", f"/api/events/publish/{name}", {"event": "label.update", "data": {"text": text}})
    assert (status, answer.pop("id")[14]) == (200, "7"), answer
    assert answer == {"success": True, "message": "Event published"}, answer
    opcode, payload = receive(stream, reader)
    assert opcode == 1
    assert json.loads(payload)["data"] == {"text": text}
send(stream, 9, b"ping")
assert receive(stream, reader) == (10, b"ping")
status, answer = call("DELETE", f"/api/instance/delete/{name}")
assert status == 200, answer
opcode, payload = receive(stream, reader)
assert (opcode, payload) == (8, struct.pack(">H", 4004) + b"instance deleted")
print("ok")
