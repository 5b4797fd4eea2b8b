"""A receiver with nothing but the standard library, which checks signatures as the specification of Standard Webhooks says."""

import base64, hashlib, hmac, http.server, sys, time

secret = sys.argv[1]


def verify(secret, headers, body):
    key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    timestamp = int(headers["webhook-timestamp"])
    if abs(time.time() - timestamp) > 300:
        return False
    signed = f"{headers['webhook-id']}.{timestamp}.".encode() + body
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    for signature in headers["webhook-signature"].split(" "):
        version, _, value = signature.partition(",")
        if version == "v1" and hmac.compare_digest(value, wanted):
            return True
    return False


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(204 if verify(secret, self.headers, body) else 401)
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
print(f"port {server.server_port}.", flush=True)
server.serve_forever()
