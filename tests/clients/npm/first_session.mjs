// SPDX-License-Identifier: BSD-2-Clause
// A first session of Xen Orchestra's client with a running demo.
// usage: node first_session.mjs STATE_DIR [URL]
import { readFileSync } from 'node:fs'
import { once } from 'node:events'
import { createClient } from 'xen-api'

const [state, url = 'https://127.0.0.1:8443'] = process.argv.slice(2)
const password = readFileSync(`${state}/initial-password`, 'utf8').trim()
const xapi = createClient({
  url,
  auth: { user: 'root', password },
  allowUnauthorized: true, // the certificate is the daemon's own
})

await xapi.connect()
await xapi.objectsFetched
const cache = Object.values(xapi.objects.all).find(
  o => o.$type === 'VM' && o.name_label === 'cache',
)
console.log('cache: dynamic range', cache.memory_dynamic_min, cache.memory_dynamic_max)

// The client's own copy follows the events; nothing is asked for again.
const changed = once(xapi.objects, 'update')
await xapi.callAsync('VM.set_memory_dynamic_range', cache.$ref, 1610612736, 2147483648)
await changed
const now = xapi.getObject(cache.$ref)
console.log('cache: dynamic range', now.memory_dynamic_min, now.memory_dynamic_max)
await xapi.disconnect()
