// What is made for Prometheus and Grafana is what they understand: promtool reads the text and the alert rules, the rules fire when
// they should, and neither rules nor dashboard ask for a metric that does not exist.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { Metrics } from '../../src/status/metrics.ts';
import { configOf } from '../config-of.ts';
import { installCommand, installPackages, mustInstall } from '../debian-packages.ts';
import { scratch } from '../scratch.ts';
import { namesOf } from './metrics-samples.ts';
import { FakeSource } from './metrics-source.ts';

const ALERTS = fileURLToPath(new URL('../../share/prometheus/alerts.yml', import.meta.url));
const DASHBOARD = new URL('../../share/grafana/tsdirectord.json', import.meta.url);

const missing = installPackages([[['prometheus', '/usr/bin/promtool']]], 'metrics tests');
if (missing.length > 0) {
  const text = `PROMTOOL TESTS ${mustInstall() ? 'FAILED' : 'SKIPPED'}: as root: ${installCommand(missing)}`;
  if (mustInstall()) throw new Error(text);
  console.warn(text);
}

function promtool(args: readonly string[], input = '') {
  const { status, stdout, stderr } = spawnSync('promtool', args, { input, encoding: 'utf8', timeout: 20_000 });
  return { status, said: `${stdout}${stderr}`.trim() };
}

/** A site where every metric has a series, and names are what nobody would call anything. */
async function metricsText(): Promise<string> {
  const source = new FakeSource(
    configOf(
      'virtual = 10.8.8.45:80\n\tservicename = a "web"\\n{site}\n\treal = 10.8.8.48:80 masq\n\tfallback = 127.0.0.1:80 gate\n\tservice = http\n',
    ),
  );
  const metrics = new Metrics(source);
  source.list({ forwarding: 'masq', weight: 1, activeConnections: 1, inactiveConnections: 2 });
  const counted = { connections: 5, inPackets: 6, outPackets: 7, inBytes: 8, outBytes: 9 };
  source.counted = async () => [{ service: 'tcp:10.8.8.45:80', server: '10.8.8.48:80', ...counted }];
  const [virtual] = source.virtuals();
  const [real] = virtual?.reals ?? [];
  if (virtual === undefined || real === undefined) throw new Error('the configuration has no server');
  const detail = 'HTTP 500 "Oops"\n# TYPE evil counter';
  metrics.checked({ virtual, real }, { outcome: 'down', detail, durationMs: 3 });
  metrics.notChecked({ virtual, real });
  metrics.reconciled({ at: 1_700_000_000_000, durationMs: 20, trouble: undefined });
  return (await metrics.text()).pieces.join('');
}

describe.skipIf(missing.length > 0)('promtool', () => {
  test('has nothing to complain of in the metrics', async () => {
    expect(promtool(['check', 'metrics'], await metricsText())).toEqual({ status: 0, said: '' });
  });

  test('understands the alert rules', () => {
    expect(promtool(['check', 'rules', ALERTS])).toMatchObject({ status: 0, said: expect.stringContaining('SUCCESS') });
  });

  test.each<[string, string, Record<string, string>, string]>([
    [
      'all servers are down',
      'TsdirectordServiceDown',
      { 'server_up{server="a"}': '0x9', 'server_held{server="a"}': '0x9' },
      '4m',
    ],
    [
      'all servers are held',
      'TsdirectordServiceDown',
      { 'server_up{server="a"}': '1x9', 'server_held{server="a"}': '1x9' },
      '4m',
    ],
    [
      'a server is down',
      'TsdirectordServerDown',
      { 'server_up{server="a"}': '0x9', 'server_held{server="a"}': '0x9' },
      '4m',
    ],
    ['a server flaps', 'TsdirectordServerFlapping', { 'server_transitions_total{server="a"}': '0+2x20' }, '15m'],
    ['a server is damped', 'TsdirectordServerDamped', { 'server_damping_successes_needed{server="a"}': '4x9' }, '4m'],
    ['the kernel refuses', 'TsdirectordKernelTableWrong', { kernel_table_in_order: '0x9' }, '4m'],
    ['a reload has failed', 'TsdirectordReloadFailed', { config_last_reload_successful: '0x9' }, '8m'],
    [
      'checks cannot be made',
      'TsdirectordChecksImpossible',
      { 'checks_total{outcome="error",reason="director"}': '0+1x20' },
      '15m',
    ],
  ])('%s: %s fires', (_, alert, series, at) => {
    expect(firing(alert, series, at)).toBe(true);
  });

  test.each<[string, string, Record<string, string>, string]>([
    [
      'one of two servers is up',
      'TsdirectordServiceDown',
      {
        'server_up{server="a"}': '0x9',
        'server_up{server="b"}': '1x9',
        'server_held{server="a"}': '0x9',
        'server_held{server="b"}': '0x9',
      },
      '4m',
    ],
    [
      'a server that is down is held',
      'TsdirectordServerDown',
      { 'server_up{server="a"}': '0x9', 'server_held{server="a"}': '1x9' },
      '4m',
    ],
    ['a server fails once', 'TsdirectordServerFlapping', { 'server_transitions_total{server="a"}': '0x5 2x15' }, '15m'],
  ])('%s: %s does not fire', (_, alert, series, at) => {
    expect(firing(alert, series, at)).toBe(false);
  });
});

/** Whether a rule fires at that time, by promtool's own tests: one that says that it never does must fail. */
function firing(alert: string, series: Record<string, string>, at: string): boolean {
  const file = join(scratch(), 'rules-test.yml');
  const input_series = Object.entries(series).map(([name, values]) => ({ series: `tsdirectord_${name}`, values }));
  const alert_rule_test = [{ eval_time: at, alertname: alert, exp_alerts: [] }];
  const tests = [{ interval: '1m', input_series, alert_rule_test }];
  // JSON is YAML.
  writeFileSync(file, JSON.stringify({ rule_files: [ALERTS], evaluation_interval: '15s', tests }));
  const { status, said } = promtool(['test', 'rules', file]);
  if (status !== 0 && !said.includes(alert)) throw new Error(said);
  return status !== 0;
}

interface Panel {
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string }[];
}

/** Names of metrics in an expression of Prometheus: words before a brace, bracket, or operator that are no function, label or keyword. */
const metricsIn = (text: string): string[] => text.match(/\b(tsdirectord|process|nodejs)_\w+/g) ?? [];

describe('the dashboard and the alert rules', () => {
  const dashboard = JSON.parse(readFileSync(DASHBOARD, 'utf8')) as { panels: Panel[] };

  test.each([
    ['the dashboard', readFileSync(DASHBOARD, 'utf8').replace('"uid": "tsdirectord"', '')],
    ['the alert rules', readFileSync(ALERTS, 'utf8')],
  ])('%s: every metric exists', async (_, text) => {
    const known = namesOf(await metricsText());
    const asked = [...new Set(metricsIn(text))];
    expect(asked.length).toBeGreaterThan(5);
    expect(asked.filter((name) => !known.has(name))).toEqual([]);
  });

  test('the dashboard shows every metric that is not said by another', async () => {
    const shown = new Set(metricsIn(JSON.stringify(dashboard)).map((name) => name.replace(/_bucket$/, '')));
    const told = [...(await metricsText()).matchAll(/^# TYPE tsdirectord_(\S+)/gm)].map(([, name = '']) => name);
    expect(told.filter((name) => !shown.has(`tsdirectord_${name}`))).toEqual([
      'config_last_reload_success_timestamp_seconds',
      'reconcile_last_success_timestamp_seconds',
      'fallback_active',
      'server_weight_configured',
      'server_check_failures_total',
      'server_check_failures_in_row',
      'ipvs_connections_inactive',
      'ipvs_incoming_packets_total',
      'ipvs_outgoing_packets_total',
    ]);
  });

  test('no panels overlap, and each asks something', () => {
    for (const [at, one] of dashboard.panels.entries()) {
      if ('targets' in one)
        expect(
          one.targets?.every(({ expr }) => expr !== ''),
          one.title,
        ).toBe(true);
      for (const other of dashboard.panels.slice(at + 1)) {
        const [a, b] = [one.gridPos, other.gridPos];
        const apart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
        expect(apart, `${one.title} and ${other.title}`).toBe(true);
      }
    }
  });
});
