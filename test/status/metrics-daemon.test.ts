// A daemon that is watched by its metrics: what it tells of its checks and of its passes over the kernel's table.
import { expect, onTestFinished, test } from 'vitest';
import type { CheckServices } from '../../src/checks/check.ts';
import { Daemon } from '../../src/daemon.ts';
import { CannotCheck, IpvsError } from '../../src/errors.ts';
import { Metrics } from '../../src/status/metrics.ts';
import { VirtualView } from '../../src/status/view.ts';
import { MemoryKernel } from '../../src/system/memory-kernel.ts';
import { configOf } from '../config-of.ts';
import { LogLines } from '../log-lines.ts';
import { until } from '../until.ts';
import { samplesOf } from './metrics-samples.ts';

class MoodyKernel extends MemoryKernel {
  refuses = false;
  override async apply(edits: Parameters<MemoryKernel['apply']>[0]) {
    if (this.refuses) throw new IpvsError('ipvsadm is not in the mood');
    return super.apply(edits);
  }
}

function watched(ping: CheckServices['ping']) {
  const config = configOf(
    'virtual = 10.0.0.1:80\n\treal = 10.0.0.2:80 gate\n\tchecktype = ping\n\tcheckinterval = 1\n',
  );
  const kernel = new MoodyKernel();
  const metrics = new Metrics({
    head: () => ({ version: '1', pid: 1, path: '/x.cf', state: daemon.state, startedAt: 0, configuredAt: 0 }),
    virtuals: () => daemon.config.virtuals,
    viewOf: (virtual, listing) => new VirtualView(virtual, daemon.facts(), listing),
    listing: () => daemon.listing(),
    statistics: () => daemon.statistics(),
    lateMs: () => daemon.lateMs,
    reloadFailed: () => false,
  });
  const services = { ping, resolve: async () => [], command: async () => Promise.reject(new Error('no command')) };
  const daemon: Daemon = new Daemon(config, { kernel, log: new LogLines(), services, observers: [metrics] });
  onTestFinished(() => daemon.stop().catch(() => {}));
  const sample = async (series: string) =>
    samplesOf((await metrics.text()).pieces.join('')).get(`tsdirectord_${series}`);
  return { daemon, kernel, sample };
}

const SERVICE = 'protocol="tcp",virtual="10.0.0.1:80"';
const SERVER = `${SERVICE},server="10.0.0.2:80"`;

test('checks that succeed, and passes over the table', async () => {
  let answered = true;
  const { daemon, sample } = watched(async () => ({ answered }));
  await daemon.start();
  await until('the server is up', () => sample(`server_up{${SERVER}}`));
  await until('and has its weight', () => sample(`server_weight_kernel{${SERVER}}`));
  expect(await sample(`checks_total{${SERVICE},outcome="up"}`)).toBeGreaterThan(0);
  expect(await sample(`server_transitions_total{${SERVER}}`)).toBe(1);
  answered = false;
  await until('two passes', async () => ((await sample('reconcile_duration_seconds_count')) ?? 0) > 1);
  expect(await sample('reconcile_failures_total')).toBe(0);
  expect(await sample('reconcile_last_success_timestamp_seconds')).toBeCloseTo(Date.now() / 1000, -1);
  // A table in memory has no traffic.
  expect(await sample('scrape_errors_total{missing="statistics"}')).toBe(0);
});

test('checks that cannot be made', async () => {
  const { daemon, sample } = watched(() => Promise.reject(new CannotCheck('cannot ping: fping is not there')));
  await daemon.start();
  await until('it is counted', () => sample(`checks_total{${SERVICE},outcome="error",reason="director"}`));
  expect(await sample(`server_check_failures_total{${SERVER}}`)).toBe(0);
});

test('a pass that fails', async () => {
  let answered = true;
  const { daemon, kernel, sample } = watched(async () => ({ answered }));
  await daemon.start();
  kernel.refuses = true;
  answered = false;
  await until('it is counted', () => sample('reconcile_failures_total'));
});
