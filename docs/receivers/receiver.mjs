// An example of a receiver of webhooks in Node.js, without packages. Copy it, and replace the line that prints.
// docs/webhooks.md says what is sent.
//
//	WEBHOOK_SECRET=whsec_… PORT=8080 node docs/receivers/receiver.mjs

import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'
import { buffer } from 'node:stream/consumers'

const key = Buffer.from((process.env.WEBHOOK_SECRET ?? '').replace(/^whsec_/, ''), 'base64')
if (key.length < 24) throw new Error('WEBHOOK_SECRET must be the secret of the service, whsec_…') // anybody can sign with an empty one
// A shop keeps the ids in its database, and adds one in the transaction that does what the event asks for: a crash then
// leaves both or neither.
const handled = new Set()

// verify returns whether the bytes of a body, as they came, were signed with the secret in the last 5 minutes.
function verify(headers, body) {
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.`
  const want = Buffer.from('v1,' + createHmac('sha256', key).update(signed).update(body).digest('base64'))
  const signatures = (headers['webhook-signature'] ?? '').split(' ').map(text => Buffer.from(text))
  return signatures.some(signature => signature.length === want.length && timingSafeEqual(signature, want)) &&
    Math.abs(Date.now() / 1000 - headers['webhook-timestamp']) <= 300
}

createServer(async (request, response) => {
  if (request.method !== 'POST') return response.writeHead(405).end()
  if (!(request.headers['content-length'] <= 1e6)) return response.writeHead(413, { connection: 'close' }).end()
  const body = await buffer(request).catch(() => Buffer.alloc(0)) // nothing, if the sender hangs up
  if (!verify(request.headers, body)) return response.writeHead(401).end()
  const event = JSON.parse(body)
  if (!handled.has(request.headers['webhook-id'])) {
    console.log(event.type, event.data.id)
    handled.add(request.headers['webhook-id'])
  }
  response.writeHead(204).end()
}).listen(process.env.PORT, '127.0.0.1') // on the machine itself: a proxy in front adds HTTPS
