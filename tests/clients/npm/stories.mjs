// SPDX-License-Identifier: BSD-2-Clause
// What the client does of its own accord: keeping a copy of all objects up to
// date, tasks with a result and cancelled ones, going on after a restart.
import { CancelToken } from 'promise-toolbox'

import { fails, is, until } from './check.mjs'
import { GIB, MIB, vmRecord } from './memory.mjs'

const SMALL = [0, 512 * MIB, GIB, GIB]
const NULL = 'OpaqueRef:NULL'

// sync - the copy at connection, and what events make of it
export async function sync(xapi, int) {
  const all = type => Object.values(xapi.objects.indexes.type[type] ?? {})

  is('one pool', all('pool').length, 1)
  is('its master', xapi.pool.$master.$type, 'host')
  is('metrics of the host', xapi.pool.$master.$metrics.memory_total,
    int(64 * GIB))
  is('the control domain',
    all('VM').filter(vm => vm.is_control_domain).length, 1)

  const ref = await xapi.call('VM.create', vmRecord('synced', SMALL))
  const vm = await until(xapi, 'add', () =>
    xapi.getObjectByRef(ref, undefined))
  is('add: a whole record', [vm.name_label, vm.memory_static_max,
    vm.power_state, vm.is_a_template, vm.HVM_shadow_multiplier],
  ['synced', int(GIB), 'Halted', false, 1])
  is('add: found by uuid', xapi.getObjectByUuid(vm.uuid).$ref, ref)

  await vm.set_name_label('re <&> "named" é€')
  is('barrier brings the change',
    (await xapi.barrier(ref)).name_label, 're <&> "named" é€')
  await vm.update_other_config('XO:key', 'value')
  is('mod: a map', (await xapi.barrier(ref)).other_config['XO:key'], 'value')
  await vm.update_other_config('XO:key', null)
  is('mod: and back', 'XO:key' in (await xapi.barrier(ref)).other_config,
    false)

  await xapi.call('VM.destroy', ref)
  await until(xapi, 'del', () =>
    xapi.getObjectByRef(ref, undefined) === undefined)
  is('del: the uuid too', xapi.getObjectByUuid(vm.uuid, null), null)
}

// calm - while nothing happens to tasks the client never reads them all
// again, as it does when valid_ref_counts is not the number that it expects
export async function calm(xapi) {
  let reads = 0
  const transport = xapi._transport
  xapi._transport = (method, args) => {
    reads += method === 'task.get_all_records'
    return transport(method, args)
  }
  for (let i = 0; i < 3; ++i) {
    await xapi.barrier()
  }
  xapi._transport = transport
  is('tasks are counted right', reads, 0)
}

const noTasks = xapi => until(xapi, 'tasks destroyed', () =>
  Object.keys(xapi.objects.indexes.type.task ?? {}).length === 0)

export async function tasks(xapi) {
  const { ref: vm } = await make(xapi, 'tasks')

  is('a number', await xapi.callAsync('VM.maximise_memory', vm, GIB, false),
    await xapi.call('VM.maximise_memory', vm, GIB, false).then(String))
  is('void', await xapi.callAsync('VM.set_memory', vm, GIB), '')
  const copy = await xapi.callAsync('VM.clone', vm, 'copy')
  is('a reference', (await xapi.barrier(copy)).name_label, 'copy')
  is('through the record', await xapi.getObject(copy)
    .$callAsync('destroy'), '')
  const error = await fails('a failure',
    xapi.callAsync('VM.set_memory_dynamic_range', vm, 2, 1),
    'MEMORY_CONSTRAINT_VIOLATION_ORDER')
  is('its task', [error.task.status, error.task.name_label],
    ['failure', 'Async.VM.set_memory_dynamic_range'])
  await fails('one with parameters', xapi.callAsync('VM.pause', vm),
    'VM_BAD_POWER_STATE', vm, 'running', 'halted')
  await fails('no such message', xapi.callAsync('VM.fly', vm),
    'MESSAGE_METHOD_UNKNOWN')
  await noTasks(xapi)

  const own = await xapi.createTask('own', 'made by the client')
  const seen = await until(xapi, 'own task', () =>
    xapi.getObjectByRef(own, undefined))
  is('own task', [seen.status, seen.name_description, seen.progress],
    ['pending', 'made by the client', 0])
  await xapi.call('task.set_status', own, 'success')
  await noTasks(xapi)
  await xapi.call('VM.destroy', vm)
}

async function make(xapi, name, more) {
  const ref = await xapi.call('VM.create', vmRecord(name, SMALL, more))
  return until(xapi, name, () => xapi.getObjectByRef(ref, undefined))
    .then(() => ({ ref }))
}

// cancelled - a wait for a balloon that never moves, ended by task.cancel
export async function cancelled(xapi) {
  const { ref } = await make(xapi, 'stuck',
    { memory_dynamic_max: 512 * MIB, other_config: { sim: 'stuck' } })
  await xapi.call('VM.start', ref, false, false)
  await xapi.call('VM.set_memory_dynamic_range', ref, 768 * MIB, GIB)

  const { cancel, token } = CancelToken.source()
  const label = 'Async.VM.wait_memory_target_live'
  const result = xapi.callAsync(token, 'VM.wait_memory_target_live', ref)
    .then(value => ({ value }), error => ({ error }))
  const task = await until(xapi, 'the task', () => Object.values(
    xapi.objects.indexes.type.task ?? {}).find(
    task => task.name_label === label && task.status === 'pending'))
  is('it can be cancelled', task.allowed_operations, ['cancel'])
  cancel()
  const { error, value } = await result
  is('no result', value, undefined)
  is('cancelled', [error.constructor.name, error.message],
    ['Cancel', 'task canceled'])
  await noTasks(xapi)
  is('the VM is as it was',
    (await xapi.barrier(ref)).power_state, 'Running')
  await xapi.call('VM.hard_shutdown', ref)
  await xapi.call('VM.destroy', ref)
}

// restarted - the daemon is killed and started under the connected client;
// what was acknowledged is there, what comes next arrives
export async function restarted(xapi, int, restart, connect) {
  const { ref: kept } = await make(xapi, 'kept')
  const task = xapi.callAsync('VM.set_memory', kept, 2 * GIB)
  is('done before', await task, '')
  const before = xapi.sessionId

  await restart()
  const other = await connect({ watchEvents: false })
  const added = await other.call('VM.create', vmRecord('later', SMALL))
  const vm = await until(xapi, 'an object of after the restart', () =>
    xapi.getObjectByRef(added, undefined))
  is('add after a restart', [vm.name_label, vm.memory_static_max],
    ['later', int(GIB)])
  is('kept what was acknowledged',
    xapi.getObjectByRef(kept).memory_static_max, int(2 * GIB))
  await xapi.call('VM.set_memory', kept, GIB)
  is('the client goes on', (await xapi.barrier(kept)).memory_static_max,
    int(GIB))
  is('with tasks too', await xapi.callAsync('VM.destroy', kept), '')
  await until(xapi, 'del after a restart', () =>
    xapi.getObjectByRef(kept, undefined) === undefined)
  await other.call('VM.destroy', added)
  await until(xapi, 'and of the other client', () =>
    xapi.getObjectByRef(added, undefined) === undefined)
  console.log('    session %s', before === xapi.sessionId
    ? 'survived' : 'was opened again')
  await other.disconnect()
}

// refused - a login with a wrong password, and a dead session
export async function refused(url, connect) {
  await fails('a wrong password', connect({
    auth: { user: 'root', password: 'wrong' }, watchEvents: false,
  }), 'SESSION_AUTHENTICATION_FAILED', 'root')
  const xapi = await connect({ watchEvents: false })
  await xapi._call('session.logout', [xapi.sessionId])
  is('logs in again when its session is gone',
    await xapi.call('VM.get_by_name_label', 'no such VM'), [])
  await fails('a dead handle', xapi.call('VM.get_record', NULL),
    'HANDLE_INVALID', 'VM', NULL)
  await xapi.disconnect()
}
