"""A consumer and producer written with nothing but the standard library. Prints what it sees, one line each."""

import base64, hashlib, http.client, json, os, socket, struct, sys, urllib.error, urllib.request

port, account = int(sys.argv[1]), sys.argv[2]


def call(method, path, body=None, headers=None, chunked=False):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, body, {"token": account, **(headers or {})}, encode_chunked=chunked)
    answer = connection.getresponse()
    print(answer.status, answer.reason, answer.read().decode())
    connection.close()


def exactly(stream, length):
    data = b""
    while len(data) < length:
        data += stream.recv(length - len(data))
    return data


json_type = {"Content-Type": "application/json"}
call("POST", "/api/instance/new", '{"name":"desk-py","token":"ti_desk-python"}', json_type)
chunks = iter([b'{"enabled"', b": tr", b"ue}"])
call("POST", "/api/events/websocket/desk-py", chunks, {**json_type, "Transfer-Encoding": "chunked"}, chunked=True)
call("GET", "/api/events/getWebsocket/desk%2Dpy", headers={"token": "", "Authorization": "Bearer ti_desk-python"})
call("POST", "/api/events/websocket/desk-py", b"x" * 3_000_000, json_type)
call("DELETE", "/api/events/websocket/desk-py")
try:
    urllib.request.urlopen(f"http://127.0.0.1:{port}/ws/desk-py")
except urllib.error.HTTPError as refusal:
    print(refusal.code, refusal.read().decode())

stream = socket.create_connection(("127.0.0.1", port), timeout=20)
key = base64.b64encode(os.urandom(16)).decode()
stream.sendall(
    (
        f"GET /ws/desk-py?token=ti_desk-python HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    ).encode()
)
head = b""
while not head.endswith(b"\r\n\r\n"):
    head += exactly(stream, 1)
accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())
print(head.split(b"\r\n")[0].decode(), accept in head)
call("POST", "/api/events/publish/desk-py", '{"event":"label.update","data":{"labelId":"7"}}', json_type)
opcode, length = exactly(stream, 2)
if length == 126:
    (length,) = struct.unpack("!H", exactly(stream, 2))
print(opcode, exactly(stream, length).decode())
