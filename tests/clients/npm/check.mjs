// SPDX-License-Identifier: BSD-2-Clause
// Checks that stop at the first that does not hold, and waiting for what the
// client is told by events.
import { deepStrictEqual } from 'node:assert'

const PATIENCE_MS = 60e3
const GIVE_UP = 'not within a minute: '

let checks = 0
export const count = () => checks

export function is(what, got, want) {
  deepStrictEqual(got, want, what)
  ++checks
  console.log('ok  %s', what)
}

// fails - the promise is rejected with that code and these first parameters
export async function fails(what, promise, code, ...params) {
  let value
  try {
    value = await promise
  } catch (error) {
    if (error.code === undefined) {
      throw error
    }
    const got = [error.code, ...error.params.slice(0, params.length)]
    is(what, got, [code, ...params])
    return error
  }
  throw new Error(`${what}: succeeded with ${JSON.stringify(value)}`)
}

// until - wait for the client's own copy of the world to satisfy look(); what
// look() returns.  Only events can make it: nothing here asks the server.
export function until(xapi, what, look) {
  return new Promise((resolve, reject) => {
    const names = ['add', 'update', 'remove']
    const end = () => {
      clearTimeout(timer)
      names.forEach(name => xapi.objects.removeListener(name, check))
    }
    const check = () => {
      const got = look()
      if (got !== undefined && got !== false) {
        end()
        resolve(got)
      }
    }
    const timer = setTimeout(() => {
      end()
      reject(new Error(GIVE_UP + what))
    }, PATIENCE_MS)

    names.forEach(name => xapi.objects.on(name, check))
    check()
  })
}
