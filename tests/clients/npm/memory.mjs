// SPDX-License-Identifier: BSD-2-Clause
// Every memory message, called with the client's own call(), and the changes
// that Xen Orchestra makes of them.
import { fails, is, until } from './check.mjs'

export const MIB = 2 ** 20
export const GIB = 2 ** 30

// messages about memory: what stands in here must all have been called
const ABOUT_MEMORY =
  /^(VM|VM_metrics|VM_guest_metrics|host|host_metrics)\..*(memory|shadow|cooperative)/

export const vmRecord = (name, limits, more) => ({
  name_label: name,
  name_description: '',
  user_version: 1,
  is_a_template: false,
  affinity: 'OpaqueRef:NULL',
  memory_static_min: limits[0],
  memory_dynamic_min: limits[1],
  memory_dynamic_max: limits[2],
  memory_static_max: limits[3],
  VCPUs_params: {},
  VCPUs_max: 1,
  VCPUs_at_startup: 1,
  actions_after_shutdown: 'destroy',
  actions_after_reboot: 'restart',
  actions_after_crash: 'restart',
  PV_bootloader: '',
  PV_kernel: '',
  PV_ramdisk: '',
  PV_args: '',
  PV_bootloader_args: '',
  PV_legacy_args: '',
  HVM_boot_policy: 'BIOS order',
  HVM_boot_params: {},
  PCI_bus: '',
  platform: {},
  recommendations: '',
  other_config: {},
  ...more,
})

const LIMITS = ['static_min', 'dynamic_min', 'dynamic_max', 'static_max']

// Memory - one VM, its messages, and which of them have been called
class Memory {
  constructor(xapi, int) {
    this.xapi = xapi
    this.int = int
    this.called = new Set()
  }

  call(method, ...args) {
    this.called.add(method)
    return this.xapi.call(method, ...args)
  }

  vm(message, ...args) {
    return this.call('VM.' + message, this.ref, ...args)
  }

  // limits - what getters say, and what events have told
  async limits(what, ...want) {
    const got = []
    for (const name of LIMITS) {
      got.push(await this.vm('get_memory_' + name))
    }
    const texts = want.map(this.int)
    is(what, got, texts)
    await until(this.xapi, what, () => {
      const vm = this.xapi.getObjectByRef(this.ref, undefined)
      return vm !== undefined && LIMITS.every(
        (name, i) => vm['memory_' + name] === texts[i])
    })
  }
}

async function halted(m) {
  await m.vm('set_memory_dynamic_range', GIB, 3 * GIB)
  await m.limits('dynamic range', 0, GIB, 3 * GIB, 4 * GIB)
  await m.vm('set_memory_dynamic_min', 2 * GIB)
  await m.vm('set_memory_dynamic_max', 4 * GIB)
  await m.vm('set_memory_static_min', GIB)
  await m.vm('set_memory_static_max', 8 * GIB)
  await m.limits('one by one', GIB, 2 * GIB, 4 * GIB, 8 * GIB)
  await m.vm('set_memory_static_range', 0, 4 * GIB)
  await m.limits('static range', 0, 2 * GIB, 4 * GIB, 4 * GIB)
  await m.vm('set_memory', 2 * GIB)
  await m.limits('one value', 0, 2 * GIB, 2 * GIB, 2 * GIB)
  await m.vm('set_memory_limits', GIB, 4 * GIB, GIB, 2 * GIB)
  await m.limits('all limits', GIB, GIB, 2 * GIB, 4 * GIB)
  is('target', await m.vm('get_memory_target'), m.int(GIB))
  await m.vm('set_HVM_shadow_multiplier', 1.5)
  is('multiplier', await m.vm('get_HVM_shadow_multiplier'), 1.5)
  await m.vm('set_HVM_shadow_multiplier', 1.25)
  const overhead = await m.vm('get_memory_overhead')
  is('overhead', await m.vm('compute_memory_overhead'), overhead)
  const most = await m.call('VM.maximise_memory', m.ref, GIB, false)
  is('maximise_memory', Number(most) > 0 && Number(most) < GIB, true)
  is('cooperative', await m.vm('get_cooperative'), true)
}

async function refused(m) {
  const order = 'MEMORY_CONSTRAINT_VIOLATION_ORDER'
  await fails('order', m.vm('set_memory_dynamic_range', 2 * GIB, GIB), order)
  await fails('above the maximum', m.vm('set_memory_static_min', 5 * GIB),
    order)
  await fails('a negative bound', m.vm('set_memory_dynamic_min', -1),
    'INVALID_VALUE', 'memory_dynamic_min', '-1')
  await fails('no number', m.vm('set_memory', 'much'), 'FIELD_TYPE_ERROR',
    'value')
  await fails('target of a halted VM', m.vm('set_memory_target_live', GIB),
    'VM_BAD_POWER_STATE', m.ref, 'running', 'halted')
  // XO Lite's call with names in place of numbers
  await fails('five names', m.vm('set_memory_limits', 'memory_static_min',
    'm', 'm', 'm'), 'FIELD_TYPE_ERROR')
}

async function running(m) {
  const { xapi } = m
  const free = Number(await m.call('host.compute_free_memory', m.host))
  await m.vm('start', false, false)
  const vm = await until(xapi, 'running', () => {
    const now = xapi.getObjectByRef(m.ref)
    return now.power_state === 'Running' && now
  })
  is('where it runs', vm.$resident_on.$ref, m.host)
  const left = Number(await m.call('host.compute_free_memory', m.host))
  is('law of admission', free - left,
    GIB + Number(await m.vm('get_memory_overhead')))
  is('wait', await m.vm('wait_memory_target_live'), '')
  await until(xapi, 'there is room: its dynamic_max', () =>
    xapi.getObjectByRef(vm.metrics).memory_actual === m.int(2 * GIB))
  is('actual', await m.call('VM_metrics.get_memory_actual', vm.metrics),
    m.int(2 * GIB))
  await m.vm('set_memory_dynamic_range', GIB, 2 * GIB)
  await m.vm('set_memory_target_live', 2 * GIB)
  await m.limits('target_live', GIB, 2 * GIB, 2 * GIB, 4 * GIB)
  await m.vm('wait_memory_target_live')
  await until(xapi, 'actual by an event', () =>
    xapi.getObjectByRef(vm.metrics).memory_actual === m.int(2 * GIB))
  await m.vm('set_shadow_multiplier_live', 2)
  is('an idle guest', await m.vm('track_touched_memory', 1, 1), m.int(0))
  const guest = await m.vm('get_guest_metrics')
  if (guest !== 'OpaqueRef:NULL') {
    await m.call('VM_guest_metrics.get_memory', guest)
  } else {
    m.called.add('VM_guest_metrics.get_memory')
  }
  await m.call('VM_metrics.get_numa_node_memory', vm.metrics)
  const error = await fails('static limits of a running VM',
    m.vm('set_memory_limits', 0, GIB, GIB, GIB), 'VM_BAD_POWER_STATE', m.ref,
    'halted', 'running')
  is('no more parameters', error.params.length, 3)
  await m.vm('clean_shutdown')
}

async function hosts(m) {
  const [host] = await m.xapi.getAllRecords('host')
  m.host = host.$ref
  is('overhead of the host',
    await m.call('host.compute_memory_overhead', m.host),
    await m.call('host.get_memory_overhead', m.host))
  is('total', await m.call('host_metrics.get_memory_total', host.metrics),
    m.int(64 * GIB))
  const free = await m.call('host_metrics.get_memory_free', host.metrics)
  is('free', Number(free) > 0 && Number(free) < 64 * GIB, true)
}

// extensions - what other servers have not, as plain calls
async function extensions(m) {
  await m.vm('set_memory_stats_polling_interval', 30)
  is('interval', await m.vm('get_memory_stats_polling_interval'), m.int(30))
  const all = await m.vm('get_memory_stats')
  is('some of all', await m.vm('get_memory_stats_of', []), {})
  is('stats are numbers', Object.values(all).every(n => Number(n) >= -1), true)
  const touched = await m.vm('get_touched_memory')
  is('what was counted', touched.written_1, m.int(0))
  const shares = await m.call('host.explain_memory', m.host)
  is('shares of the host', shares.length > 0, true)
}

// orchestra - `memory`, `memoryMax`, `memoryMin` of Xen Orchestra
async function orchestra(m) {
  const { xapi } = m
  await m.vm('set_memory_limits', 0, GIB, GIB, GIB)
  await until(xapi, 'static', () =>
    xapi.getObjectByRef(m.ref).memory_static_max === m.int(GIB))
  const vm = xapi.getObjectByRef(m.ref)
  // a static VM: all but static_min, which is as it was, by its own text
  await vm.$call('set_memory_limits', vm.memory_static_min, 2 * GIB, 2 * GIB,
    2 * GIB)
  await m.limits('XO: memory', 0, 2 * GIB, 2 * GIB, 2 * GIB)
  await vm.$call('set_memory_limits', 0, 4 * GIB, 2 * GIB, 3 * GIB)
  await m.limits('XO: memoryMax', 0, 2 * GIB, 3 * GIB, 4 * GIB)
  await vm.set_memory_dynamic_min(GIB)
  await vm.set_memory_static_max(8 * GIB)
  await m.limits('XO: memoryMin, memoryStaticMax', 0, GIB, 3 * GIB, 8 * GIB)
}

export async function memory(xapi, int) {
  const m = new Memory(xapi, int)
  await hosts(m)
  m.ref = await xapi.call('VM.create',
    vmRecord('memory', [0, GIB, 2 * GIB, 4 * GIB]))
  await halted(m)
  await refused(m)
  await running(m)
  await extensions(m)
  await orchestra(m)
  await xapi.call('VM.destroy', m.ref)
  await until(xapi, 'gone', () =>
    xapi.getObjectByRef(m.ref, undefined) === undefined)

  const names = await xapi._call('system.listMethods')
  is('every message about memory',
    names.filter(name => ABOUT_MEMORY.test(name) && !m.called.has(name)), [])
}
