// Loaded into the daemon before the program itself: tells over IPC what the process holds, and shows it a listing of the kernel's table.
'use strict';
const files = require('node:fs/promises');
const { monitorEventLoopDelay } = require('node:perf_hooks');
const { queryObjects } = require('node:v8');

const some = setTimeout(() => {});
clearTimeout(some);
const { constructor: Timeout } = some;

/** The timers of the checks' rhythm (alarms.ts): as many as checks fall on different milliseconds, which is chance. */
class Alarm extends Timeout {}
const { setTimeout: original } = globalThis;
function setTimeoutMarked(callback, ...rest) {
  const timer = original(callback, ...rest);
  if (/#ring\(/.test(callback)) Object.setPrototypeOf(timer, Alarm.prototype);
  return timer;
}
globalThis.setTimeout = Object.defineProperties(setTimeoutMarked, Object.getOwnPropertyDescriptors(original));

const NS_PER_MS = 1e6;
const BYTES_PER_MB = 1024 * 1024;

/** The stand-in for ipvsadm has no kernel that would show its table. */
const { readFile } = files;
files.readFile = (path, ...rest) => readFile(path === '/proc/net/ip_vs' ? process.env.SOAK_LISTING : path, ...rest);

/** What a look of ours at all objects costs is no fault of the program's. */
const FORGET_MS = 50;
const loop = monitorEventLoopDelay({ resolution: 5 });
loop.enable();

/** The longest that the program has been held up since its start, by ours too: it repeats checks that failed meanwhile. */
const BEAT_MS = 250;
let longest = 0;
let beatAt = performance.now();
setInterval(() => {
  const now = performance.now();
  longest = Math.max(longest, now - beatAt);
  beatAt = now;
}, BEAT_MS).unref();

const answers = {
  /** How late the event loop was since the last look, and what keeps the process going. */
  look: () => {
    const [p50, p99, most] = [loop.percentile(50), loop.percentile(99), loop.max].map((ns) => ns / NS_PER_MS);
    loop.reset();
    const resources = {};
    // Timers are counted below.
    for (const name of process.getActiveResourcesInfo())
      if (name !== 'Timeout') resources[name] = (resources[name] ?? 0) + 1;
    return { loopMs: { p50, p99, most, longest }, resources };
  },
  /** What is alive after a collection of garbage, timers that keep nothing going, too. Holds the process up for some tenths of a second. */
  count: () => {
    const [timers, alarms] = [Timeout, Alarm].map((kind) => queryObjects(kind, { format: 'count' }));
    const { heapUsed } = process.memoryUsage();
    setTimeout(() => loop.reset(), FORGET_MS).unref();
    return { timers: timers - alarms, heapMb: heapUsed / BYTES_PER_MB };
  },
};

process.on('message', (question) => process.send(answers[question]()));
// Whoever soaks it is gone: nothing is to be left.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
// Of itself it keeps nothing going.
process.channel.unref();
