"""A receiver with nothing but the standard library. Its function `verify` is that of docs/WEBHOOKS.md, the second argument."""

import http.server, sys

secret = sys.argv[1]
exec(sys.argv[2])


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
