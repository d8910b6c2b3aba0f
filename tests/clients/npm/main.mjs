// SPDX-License-Identifier: BSD-2-Clause
// usage: node main.mjs URL TRANSPORT
//
// npm's xen-api (the client of Xen Orchestra) against a daemon; the password
// of root stands in XAPI_PASSWORD.  Prints "restart" when it wants the daemon
// killed and started again, and reads a line when that is done.
import { once } from 'node:events'
import { createInterface } from 'node:readline'

import { createClient } from 'xen-api'

import { count, is } from './check.mjs'
import { memory } from './memory.mjs'
import { calm, cancelled, refused, restarted, sync, tasks } from './stories.mjs'

const [url, transport] = process.argv.slice(2)
const input = createInterface({ input: process.stdin })

async function connect(more) {
  const xapi = createClient({
    allowUnauthorized: true,
    auth: { user: 'root', password: process.env.XAPI_PASSWORD },
    debounce: 10,
    eventPollDelay: 100,
    transport,
    url,
    ...more,
  })
  await xapi.connect()
  return xapi
}

async function restart() {
  const answer = once(input, 'line')
  console.log('restart')
  await answer
}

// integers are numbers in JSON-RPC and texts in XML-RPC
const int = transport === 'xml-rpc' ? String : Number

const xapi = await connect()
await xapi.objectsFetched
is('connected', xapi.status, 'connected')
await sync(xapi, int)
await calm(xapi)
await memory(xapi, int)
await tasks(xapi)
await cancelled(xapi)
await restarted(xapi, int, restart, connect)
await refused(url, connect)
await xapi.disconnect()
is('disconnected', xapi.status, 'disconnected')
console.log('%d checks of %s', count(), transport)
process.exit(0) // the client keeps a call of event.from open
