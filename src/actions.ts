// Every action but status, which Heartbeat asks for all the time: the build puts them into a file of their own, beside the program,
// so that a status is quick. Each is evaluated when it is asked for.
import type { Call } from './commands/call.ts';
import type { Action } from './commands/command-line.ts';

type Perform = (call: Call) => Promise<number>;

const start: Perform = async (call) => (await import('./commands/start.ts')).start(call);
const stop: Perform = async (call) => (await import('./commands/stop.ts')).stop(call);
const restart: Perform = async (call) => (await import('./commands/reload.ts')).restart(call);
const reload: Perform = async (call) => (await import('./commands/reload.ts')).reload(call);
const check: Perform = async (call) => (await import('./commands/check.ts')).check(call);
const plan: Perform = async (call) => (await import('./commands/plan.ts')).plan(call);
const show: Perform = async (call) => (await import('./commands/show.ts')).show(call);
const top: Perform = async (call) => (await import('./commands/top.ts')).top(call);
const order: Perform = async (call) => (await import('./commands/order.ts')).order(call);

/** Runs one action; resolves with the exit code. */
export const ACTIONS: Readonly<Record<Exclude<Action, 'status'>, Perform>> = {
  start,
  stop,
  restart,
  'try-restart': restart,
  reload,
  'force-reload': reload,
  check,
  plan,
  show,
  top,
  drain: order,
  disable: order,
  enable: order,
  weight: order,
  recheck: order,
};
