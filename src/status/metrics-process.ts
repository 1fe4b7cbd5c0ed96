// What prom-client knows of this process (processor, memory, event loop, garbage collection), loaded only when somebody may ask.
import { readdir } from 'node:fs/promises';

/**
 * How often the event loop is looked at. The delays that it tells begin at this. 20 ms cost 0.2 % of a processor, prom-client's own
 * 10 ms 0.35 %.
 */
const LOOP_PRECISION_MS = 20;

/**
 * Not told: they go through every socket, which with 4,000 of them holds the event loop for up to 17 ms, and half of them have
 * names that promtool complains of. What is open is counted below, beside the event loop.
 */
const COSTLY = [
  ...['nodejs_active_handles', 'nodejs_active_handles_total', 'nodejs_active_requests', 'nodejs_active_requests_total'],
  ...['nodejs_active_resources', 'nodejs_active_resources_total', 'process_open_fds'],
];

/** Writes the text of the process's metrics. */
export type ProcessMetrics = () => Promise<string>;

/** Begins to measure, for as long as the process lives. */
export async function measureProcess(): Promise<ProcessMetrics> {
  const { collectDefaultMetrics, Gauge, Registry } = await import('prom-client');
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LOOP_PRECISION_MS });
  for (const name of COSTLY) registry.removeSingleMetric(name);
  new Gauge({
    name: 'process_open_fds',
    help: 'Number of open file descriptors.',
    registers: [registry],
    async collect() {
      // One of them is the directory's.
      const open = await readdir('/proc/self/fd').catch(() => undefined);
      if (open !== undefined) this.set(open.length - 1);
    },
  });
  return () => registry.metrics();
}
