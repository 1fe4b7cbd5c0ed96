// What Prometheus is told: as text for a small site, of servers that come and go, without what cannot be had, and for a large site.
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Virtual } from '../../src/config/model.ts';
import { IpvsError } from '../../src/errors.ts';
import { memberKey } from '../../src/ipvs/desired.ts';
import { parseStatistics, type ServerStatistics } from '../../src/ipvs/stats-format.ts';
import type { Member } from '../../src/observer.ts';
import { Metrics } from '../../src/status/metrics.ts';
import { configOf } from '../config-of.ts';
import { samplesOf, seriesOf } from './metrics-samples.ts';
import { FakeSource } from './metrics-source.ts';

const WEB =
  'virtual = 10.8.8.45:80\n\tservicename = web\n\treal = 10.8.8.48:80 masq 3\n\treal = 10.8.8.49:80 masq 1\n\tservice = http\n';
const MARKS = 'virtual = 7\n\treal = 10.8.8.48:80 masq\nvirtual6 = 7\n\treal6 = [2001:db8::48]:80 masq\n';
const WEB48 = 'protocol="tcp",virtual="10.8.8.45:80",server="10.8.8.48:80",service="web"';
const AT = 1_700_000_200_250;

function site(text = WEB) {
  const source = new FakeSource(configOf(text));
  const metrics = new Metrics(source);
  const member = (at = 0, of = 0): Member => {
    const virtual = source.config.virtuals[of] as Virtual;
    return { virtual, real: virtual.reals[at] as Virtual['reals'][number] };
  };
  const text_ = async () => (await metrics.text()).pieces.join('');
  return {
    source,
    metrics,
    member,
    text: text_,
    value: async (series: string) => samplesOf(await text_()).get(series),
  };
}

const up = { outcome: 'up', detail: 'HTTP 200 OK', durationMs: 3 } as const;
const down = (detail: string) => ({ outcome: 'down', detail, durationMs: 40 }) as const;

afterEach(() => vi.useRealTimers());

test('a server that fails: its state, its counts, and its service’s, by kind of reason', async () => {
  const { source, metrics, member, text } = site();
  const { virtual, real } = member();
  metrics.checked(member(), up);
  metrics.checked(member(), down('connection refused'));
  metrics.checked(member(), down('HTTP 500 Oops'));
  metrics.turned(member());
  metrics.notChecked(member());
  source.health.set(memberKey(virtual, real), { state: 'down', failures: 0, reason: 'HTTP 500 Oops', since: AT });
  source.lastChecks.set(memberKey(virtual, real), { at: AT, ...down('HTTP 500 Oops') });
  const body = await text();
  const samples = samplesOf(body);
  expect(seriesOf(samples, '10.8.8.48:80')).toEqual({
    [`tsdirectord_server_up{${WEB48}}`]: 0,
    [`tsdirectord_server_held{${WEB48}}`]: 0,
    [`tsdirectord_server_weight_configured{${WEB48}}`]: 3,
    [`tsdirectord_server_check_failures_total{${WEB48}}`]: 2,
    [`tsdirectord_server_check_failures_in_row{${WEB48}}`]: 2,
    [`tsdirectord_server_transitions_total{${WEB48}}`]: 1,
    [`tsdirectord_server_last_check_timestamp_seconds{${WEB48}}`]: AT / 1000,
    [`tsdirectord_server_last_check_duration_seconds{${WEB48}}`]: 0.04,
  });
  const service = 'protocol="tcp",virtual="10.8.8.45:80",service="web"';
  expect(body).toContain(`# TYPE tsdirectord_checks_total counter
tsdirectord_checks_total{${service},outcome="up"} 1
tsdirectord_checks_total{${service},outcome="down",reason="refused"} 1
tsdirectord_checks_total{${service},outcome="down",reason="http_status"} 1
tsdirectord_checks_total{${service},outcome="error",reason="director"} 1
`);
  expect(samples.get(`tsdirectord_check_duration_seconds_bucket{${service},le="0.005"}`)).toBe(1);
  expect(samples.get(`tsdirectord_check_duration_seconds_bucket{${service},le="0.1"}`)).toBe(3);
  expect(samples.get(`tsdirectord_check_duration_seconds_bucket{${service},le="+Inf"}`)).toBe(3);
  expect(samples.get(`tsdirectord_check_duration_seconds_sum{${service}}`)).toBeCloseTo(0.083);
  metrics.checked(member(), up);
  expect(samplesOf(await text()).get(`tsdirectord_server_check_failures_in_row{${WEB48}}`)).toBe(0);
});

test('a server that flaps: what brings it back, while it is down', async () => {
  const { source, member, text } = site();
  const { virtual, real } = member();
  const key = memberKey(virtual, real);
  const name = `tsdirectord_server_damping_successes_needed{${WEB48}}`;
  const flaps = { downs: 3, firstDownAt: AT, lastDownAt: AT, asked: 4, successes: 1 };
  const seen = async (state: 'up' | 'down', asked: number) => {
    source.health.set(key, { state, failures: 0, reason: '', since: AT, flaps: { ...flaps, asked } });
    return samplesOf(await text()).get(name);
  };
  expect([await seen('down', 4), await seen('down', 1), await seen('up', 4)]).toEqual([4, undefined, undefined]);
});

test('a server that is up, held, and in the kernel with connections', async () => {
  const { source, member, text } = site();
  const { virtual, real } = member();
  source.health.set(memberKey(virtual, real), { state: 'up', failures: 0, reason: 'fine', since: AT });
  source.held.set(memberKey(virtual, real), 'drained by the operator');
  source.list({ forwarding: 'masq', weight: 0, activeConnections: 12, inactiveConnections: 34 });
  const counted = { connections: 5, inPackets: 6, outPackets: 7, inBytes: 8, outBytes: 2 ** 40 };
  source.counted = async () => [{ service: 'tcp:10.8.8.45:80', server: '10.8.8.48:80', ...counted }];
  expect(seriesOf(samplesOf(await text()), '10.8.8.48:80')).toMatchObject({
    [`tsdirectord_server_up{${WEB48}}`]: 1,
    [`tsdirectord_server_held{${WEB48}}`]: 1,
    [`tsdirectord_server_weight_kernel{${WEB48}}`]: 0,
    [`tsdirectord_ipvs_connections_active{${WEB48}}`]: 12,
    [`tsdirectord_ipvs_connections_inactive{${WEB48}}`]: 34,
    [`tsdirectord_ipvs_connections_total{${WEB48}}`]: 5,
    [`tsdirectord_ipvs_incoming_packets_total{${WEB48}}`]: 6,
    [`tsdirectord_ipvs_outgoing_packets_total{${WEB48}}`]: 7,
    [`tsdirectord_ipvs_incoming_bytes_total{${WEB48}}`]: 8,
    [`tsdirectord_ipvs_outgoing_bytes_total{${WEB48}}`]: 2 ** 40,
  });
});

test('the daemon: its reloads, its work on the table, its lateness', async () => {
  const { source, metrics, text } = site();
  metrics.reconciled({ at: AT, durationMs: 30, trouble: undefined });
  metrics.reconciled({ at: AT + 1000, durationMs: 700, trouble: 'ipvsadm is not in the mood' });
  source.trouble = 'ipvsadm is not in the mood';
  source.failed = true;
  source.late = 1500;
  expect(Object.fromEntries(samplesOf(await text()))).toMatchObject({
    [`tsdirectord_build_info{version="1.2.3",node="${process.versions.node}"}`]: 1,
    tsdirectord_config_last_reload_successful: 0,
    tsdirectord_config_last_reload_success_timestamp_seconds: 1_700_000_100.5,
    tsdirectord_kernel_table_in_order: 0,
    tsdirectord_check_lateness_seconds: 1.5,
    'tsdirectord_reconcile_duration_seconds_bucket{le="0.05"}': 1,
    tsdirectord_reconcile_duration_seconds_count: 2,
    tsdirectord_reconcile_failures_total: 1,
    tsdirectord_reconcile_last_success_timestamp_seconds: AT / 1000,
  });
});

test('the process: memory, processor, the event loop’s delay, open files; and nothing that goes through every socket', async () => {
  const samples = samplesOf(await site().text());
  const names = new Set([...samples.keys()].map((series) => series.replace(/\{.*/, '')));
  for (const name of ['process_resident_memory_bytes', 'process_cpu_seconds_total', 'nodejs_eventloop_lag_max_seconds'])
    expect(names).toContain(name);
  expect(samples.get('process_open_fds')).toBeGreaterThan(3);
  expect([...names].filter((name) => /active_(handles|requests|resources)/.test(name))).toEqual([]);
});

test('a table that was in order before anybody counted', async () => {
  const { source, value } = site();
  expect(await value('tsdirectord_reconcile_last_success_timestamp_seconds')).toBe(1_700_000_100.5);
  source.trouble = 'ipvsadm is not in the mood';
  expect(await value('tsdirectord_reconcile_last_success_timestamp_seconds')).toBeUndefined();
});

test('a fallback: whether it has the traffic, and its connections', async () => {
  const { source, text, member } = site(`${WEB}\tfallback = 127.0.0.1:80 gate\n`);
  const fallback = 'protocol="tcp",virtual="10.8.8.45:80",server="127.0.0.1:80",service="web"';
  for (const at of [0, 1]) {
    const { virtual, real } = member(at);
    source.health.set(memberKey(virtual, real), { state: 'down', failures: 0, reason: 'HTTP 500', since: AT });
  }
  const listed = { forwarding: 'local', weight: 1, activeConnections: 3, inactiveConnections: 4 } as const;
  source.table = new Map([['tcp:10.8.8.45:80', new Map([['127.0.0.1:80', listed]])]]);
  const samples = samplesOf(await text());
  expect(samples.get('tsdirectord_fallback_active{protocol="tcp",virtual="10.8.8.45:80",service="web"}')).toBe(1);
  expect(seriesOf(samples, '127.0.0.1:80')).toEqual({
    [`tsdirectord_server_weight_kernel{${fallback}}`]: 1,
    [`tsdirectord_ipvs_connections_active{${fallback}}`]: 3,
    [`tsdirectord_ipvs_connections_inactive{${fallback}}`]: 4,
  });
});

test('series of removed servers and services disappear, and what stays keeps its counts', async () => {
  const { source, metrics, member, text } = site(`${WEB}${MARKS}`);
  for (const [at, of] of [
    [0, 0],
    [1, 0],
    [0, 1],
  ])
    metrics.checked(member(at, of), down('connection refused'));
  source.config = configOf(
    'virtual = 10.8.8.45:80\n\tservicename = web\n\treal = 10.8.8.48:80 masq 3\n\treal = 10.8.8.50:80 masq 1\n\tservice = http\n',
  );
  metrics.checked(member(0), down('connection refused'));
  const body = await text();
  expect(samplesOf(body).get(`tsdirectord_server_check_failures_total{${WEB48}}`)).toBe(2);
  expect(body).not.toMatch(/10\.8\.8\.49|fwm/);
  source.config = configOf(WEB);
  expect(samplesOf(await text()).get(`tsdirectord_server_check_failures_total{${WEB48.replace('48', '49')}}`)).toBe(0);
});

test('no two series have the same labels: marks of both IP versions, one server in several services', async () => {
  const { metrics, member, text } = site(`${WEB}${MARKS}`);
  for (const of of [0, 1, 2]) metrics.checked(member(0, of), up);
  const lines = (await text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const series = lines.map((line) => line.slice(0, line.lastIndexOf(' ')));
  expect(new Set(series).size).toBe(series.length);
  expect(series).toContain('tsdirectord_server_up{protocol="fwm6",virtual="7",server="[2001:db8::48]:80"}');
});

describe('when the kernel cannot be asked', () => {
  test.each<[string, () => Promise<Iterable<ServerStatistics>>]>([
    ['ipvsadm fails', () => Promise.reject(new IpvsError('ipvsadm gave no answer within 3 s'))],
    ['ipvsadm prints what nobody understands', async () => parseStatistics('Segmentation fault\n')],
  ])('%s: the scrape goes on and says so', async (_, counted) => {
    const { source, text } = site();
    source.counted = counted;
    const samples = samplesOf(await text());
    expect(samples.get('tsdirectord_scrape_errors_total{missing="statistics"}')).toBe(1);
    expect(samples.get('tsdirectord_scrape_errors_total{missing="table"}')).toBe(0);
    expect(samples.get(`tsdirectord_server_up{${WEB48}}`)).toBe(0);
  });

  test('there is no table to look at', async () => {
    const { source, text } = site();
    source.table = undefined;
    expect(samplesOf(await text()).get('tsdirectord_scrape_errors_total{missing="table"}')).toBe(1);
  });
});

test('the kernel is asked once a second, however many scrape', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const { source, text } = site();
  await Promise.all([text(), text(), text()]);
  await text();
  expect(source.asked).toBe(1);
  vi.advanceTimersByTime(1_001);
  await text();
  expect(source.asked).toBe(2);
});

test('10,000 servers: others have their turn while it is written', async () => {
  const services = Array.from({ length: 1_000 }, (_, at) => {
    const net = `10.${Math.floor(at / 250)}.${at % 250}`;
    const reals = Array.from({ length: 10 }, (__, last) => `\treal = ${net}.${last + 2}:80 gate\n`).join('');
    return `virtual = ${net}.1:80\n${reals}\tservice = http\n`;
  });
  const { metrics } = site(services.join(''));
  let turns = 0;
  const turn = setInterval(() => turns++, 1);
  const { pieces } = await metrics.text();
  clearInterval(turn);
  expect(pieces.join('').length).toBeGreaterThan(5_000_000);
  expect(turns).toBeGreaterThan(10);
});
