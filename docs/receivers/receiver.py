"""An example of a receiver of webhooks, with the standard library of Python 3 alone. Copy it, and replace the line that
prints. docs/webhooks.md says what is sent.

WEBHOOK_SECRET=whsec_… PORT=8080 python3 docs/receivers/receiver.py
"""

import base64, hmac, json, os, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

key = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"), validate=True)
if len(key) < 24:
    raise SystemExit("WEBHOOK_SECRET must be the secret of the service, whsec_…")  # anybody can sign with an empty one
lock = threading.Lock()
# A shop keeps the ids in its database, and adds one in the transaction that does what the event asks for: a crash then
# leaves both or neither.
handled = set()


def verify(headers, body):
    """Returns whether the bytes of a body, as they came, were signed with the secret in the last 5 minutes."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    want = b"v1," + base64.b64encode(hmac.digest(key, signed, "sha256"))
    signatures = headers.get("webhook-signature", "").encode().split(b" ")
    if not any([hmac.compare_digest(want, signature) for signature in signatures]):
        return False
    return abs(time.time() - int(headers["webhook-timestamp"])) <= 300


class Receiver(BaseHTTPRequestHandler):
    timeout = 10

    def do_POST(self):
        length = self.headers.get("content-length", "")
        body = self.rfile.read(int(length)) if length.isdecimal() and len(length) < 7 else b""
        if not verify(self.headers, body):
            return self.answer(401)
        event = json.loads(body)
        with lock:
            if self.headers["webhook-id"] not in handled:
                print(event["type"], event["data"]["id"], flush=True)
                handled.add(self.headers["webhook-id"])
        self.answer(204)

    def answer(self, status):
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_):
        pass


# On the machine itself: a proxy in front adds HTTPS.
ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Receiver).serve_forever()
