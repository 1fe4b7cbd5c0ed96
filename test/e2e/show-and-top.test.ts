// What people look at, on a real terminal and into a pipe: show, show --watch, top; and that the terminal is theirs again afterwards.
import { describe, expect, test } from 'vitest';
import type { DaemonSnapshot } from '../../src/status/snapshot.ts';
import { until } from '../until.ts';
import { BIN, isAlive, Site, signal } from './program.ts';
import { bare, HAS_TERMINAL, Terminal, type TerminalOptions } from './terminal.ts';

const ON = (port: number, ...reals: string[]): string =>
  `virtual = 10.0.0.1:${port}\n\tchecktype = on\n${reals.map((real) => `\treal = ${real} gate\n`).join('')}`;
const CONFIG =
  ON(80, '10.0.0.2:80', '10.0.0.3:80') +
  ON(443, '10.0.0.4:443').replace('checktype', 'servicename = shop\n\tchecktype');

async function started(text = CONFIG): Promise<Site> {
  const site = new Site(text);
  expect((await site.run('start')).code).toBe(0);
  return site;
}

const onTerminal = (site: Site, action: string, words: string[] = [], options: TerminalOptions = {}): Terminal =>
  new Terminal([BIN, action, ...words, '-f', site.config, ...site.flags], options);

/** What runs beside the daemon: the program itself, not the shell that started it. */
function other(site: Site, action: string): Promise<number> {
  const [daemon, needle] = [site.pid, new RegExp(`^\\S*node\\S* \\S+ ${action} `)];
  return until(
    `${action} to run`,
    () => site.pids().find((pid) => pid !== daemon && needle.test(site.wordsOf(pid))) ?? 0,
  );
}

describe('show', () => {
  test('into a pipe: no colours, a line for a server', async () => {
    const site = await started();
    const { code, stdout, stderr } = await site.run('show');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).not.toContain('\x1b');
    expect(stdout).toMatch(/^tsdirectord for .* is running with pid: \d+\ntsdirectord \d/);
    expect(stdout).toMatch(/^TCP {2}10\.0\.0\.1:80 .* 2\/2 up$/m);
    expect(stdout).toMatch(/^ {2}-> 10\.0\.0\.2:80 +Route +1 +0 +0 +up +\d+ s +- +- +never checked: always up$/m);
  });

  test.each([
    ['10.0.0.1:443', 1],
    ['tcp:10.0.0.1:443', 1],
    ['shop', 1],
    ['10.0.0.1', 2],
    ['all', 2],
  ])('%s is %i of the services, as JSON too', async (name, count) => {
    const site = await started();
    const [text, json] = await Promise.all([site.run('show', name), site.run('show', name, '--json')]);
    expect(text.stdout.match(/^TCP /gm)).toHaveLength(count);
    expect((JSON.parse(json.stdout) as DaemonSnapshot).virtuals).toHaveLength(count);
  });

  test('nobody runs', async () => {
    const site = new Site();
    expect(await site.run('show')).toMatchObject({
      ...{ code: 1, stdout: '', stderr: `tsdirectord for ${site.config} is stopped (not running)\n` },
    });
    expect(await site.run('show', '--json')).toMatchObject({ code: 1, stdout: 'null\n' });
    await site.run('start');
    signal(site.pid, 'SIGKILL');
    await site.ended();
    expect((await site.run('show')).stderr).toMatch(
      /is not running, but its pid file .* is there: it died, or was killed/,
    );
  });

  test.each([
    [['nosuch'], 'there is no virtual service "nosuch"; there is 10.0.0.1:80, 10.0.0.1:443'],
    [['nosuch', '--watch'], 'there is no virtual service "nosuch"; there is 10.0.0.1:80, 10.0.0.1:443'],
    [['\x1b[2J'], 'there is no virtual service "\\x1b[2J"; there is 10.0.0.1:80, 10.0.0.1:443'],
    [['--json', '--watch'], '--watch makes no sense with --json'],
    [['a', 'b'], 'show wants [VIRTUAL] behind it, not "a b"; names are as show prints them, or "all"'],
  ])('%j is a mistake', async (words, message) => {
    const site = await started();
    expect(await site.run('show', ...words)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: `tsdirectord: ${message}\n`,
    });
  });
});

describe.skipIf(!HAS_TERMINAL)('on a terminal', () => {
  test.each<[string, Record<string, string>, boolean]>([
    ['colours', {}, true],
    ['NO_COLOR', { NO_COLOR: '1' }, false],
    ['a dumb one', { TERM: 'dumb' }, false],
  ])('show: %s', async (_, env, hasColors) => {
    const site = await started();
    const terminal = onTerminal(site, 'show', [], { env });
    expect((await terminal.ended()).code).toBe(0);
    const [shown = ''] = terminal.output.split('CODE');
    expect(shown.includes('\x1b[32m')).toBe(hasColors);
    expect(shown.includes('\x1b')).toBe(hasColors);
    const widths = bare(shown)
      .split('\r\n')
      .map(({ length }) => length);
    expect(Math.max(...widths)).toBeLessThanOrEqual(80);
  });

  test('show --watch follows, and Ctrl-C ends it well', async () => {
    const site = await started();
    const terminal = onTerminal(site, 'show', ['--watch']);
    await terminal.shows('2/2 up');
    await site.run('disable', '10.0.0.1:80', '10.0.0.2');
    await terminal.shows('disabled by the operator');
    terminal.type('\x03');
    expect(await terminal.ended()).toMatchObject({ code: 0, echoes: true, hasCursor: true });
  });

  test('show --watch ends with the daemon, and says so', async () => {
    const site = await started();
    const terminal = onTerminal(site, 'show', ['--watch', 'shop']);
    await terminal.shows('1/1 up');
    expect((await site.run('stop')).code).toBe(0);
    expect(await terminal.ended()).toMatchObject({ code: 1, hasCursor: true });
    expect(terminal.output).toContain('is stopped (not running)');
  });

  test('top: a filter, one service, a drain that is said no and yes to, help, quit', async () => {
    const site = await started();
    const terminal = onTerminal(site, 'top');
    await terminal.when('▶ 10.0.0.2:80', '/');
    await terminal.when('Filter: _', '10.0.0.3');
    await terminal.when(/Filter: 10\.0\.0\.3_/, '\r');
    await terminal.when('▶ 10.0.0.3:80', 'd');
    await terminal.when('Drain 10.0.0.3:80 (10.0.0.1:80)? It gets no new connections. y/n', 'n');
    await terminal.when('Nothing was done', 'd');
    await terminal.when('Drain 10.0.0.3:80', 'y');
    await terminal.when('10.0.0.3:80 (10.0.0.1:80) is drained', '\x1b');
    await terminal.when(/10\.0\.0\.3:80 +drained [\s\S]*10\.0\.0\.4:443/, '\x1b[F\r');
    await terminal.when('only 10.0.0.1:443: esc shows all', '?');
    await terminal.when('Orders for the selected server', 'x');
    await terminal.when('only 10.0.0.1:443', 'q');
    expect(await terminal.ended()).toEqual({ code: 0, echoes: true, isMain: true, hasCursor: true });
    expect((await site.run('show', '10.0.0.1:80')).stdout).toMatch(/10\.0\.0\.3:80 .* drained by the operator/);
    await until('the end of top', () => site.pids().length === 1);
  });

  test('top: a weight that is none, and one that is; paused, what changes is not seen', async () => {
    const site = await started();
    const terminal = onTerminal(site, 'top');
    await terminal.when('▶ 10.0.0.2:80', 'w70000\r');
    await terminal.when('! A weight is from 0 to 65535', 'w42\r');
    await terminal.when('Change the weight of 10.0.0.2:80 (10.0.0.1:80) to 42?', 'y');
    await terminal.when('10.0.0.2:80 (10.0.0.1:80) has weight 42', ' ');
    await terminal.when('PAUSED', '');
    await site.run('enable', 'all', 'all');
    await terminal.when(/ 42 [\s\S]*weight 42 ordered[\s\S]*PAUSED/, ' ');
    await terminal.when(/^(?![\s\S]*weight 42)[\s\S]*10\.0\.0\.2:80/, 'q');
    expect((await terminal.ended()).code).toBe(0);
  });

  test('top: the daemon goes, and comes back', async () => {
    const site = await started();
    const terminal = onTerminal(site, 'top');
    await terminal.when('▶ 10.0.0.2:80');
    await site.run('stop');
    await terminal.when(
      /not answering: [\s\S]*! No answer for \d+ s, trying again: it is stopped[\s\S]*10\.0\.0\.2:80/,
      'dy',
    );
    await terminal.when(/^! the daemon cannot be asked/m);
    await site.run('start');
    await terminal.when(/^(?![\s\S]*No answer)[\s\S]*running \d+s/, '\x03');
    expect(await terminal.ended()).toEqual({ code: 0, echoes: true, isMain: true, hasCursor: true });
  });

  test.each([
    ['SIGTERM', 143],
    ['SIGHUP', 129],
    ['SIGINT', 0],
    ['SIGQUIT', 131],
  ] as const)('top: %s ends it, and the terminal is as it was', async (name, code) => {
    const site = await started();
    const terminal = onTerminal(site, 'top');
    await terminal.when('▶ 10.0.0.2:80');
    signal(await other(site, 'top'), name);
    expect(await terminal.ended()).toEqual({ code, echoes: true, isMain: true, hasCursor: true });
  });

  test.each(['top', 'show'])('%s ends with its window', async (action) => {
    const site = await started();
    const terminal = onTerminal(site, action, action === 'show' ? ['--watch'] : []);
    await terminal.shows('10.0.0.2:80');
    const pid = await other(site, action);
    terminal.close();
    await until('its end', () => !isAlive(pid));
    expect(isAlive(site.pid)).toBe(true);
  });

  test('top on a narrow one, without colours and UTF-8', async () => {
    const site = await started();
    const terminal = onTerminal(site, 'top', [], { columns: 40, lines: 10, env: { NO_COLOR: '1', LC_ALL: 'C' } });
    await terminal.when('> 10.0.0.2:80');
    expect(Math.max(...terminal.screen.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(40);
    expect(terminal.output).toBe(bare(terminal.output));
    terminal.type('q');
    expect((await terminal.ended()).code).toBe(0);
  });

  test('top on one that cannot', async () => {
    const site = await started();
    const terminal = onTerminal(site, 'top', [], { env: { TERM: 'dumb' } });
    expect((await terminal.ended()).code).toBe(1);
    expect(terminal.output).toContain('top needs a terminal; show --watch and show --json do without');
    expect(terminal.output).not.toContain('\x1b');
  });
});

test('top without a terminal, and without a daemon', async () => {
  const site = new Site();
  const message = 'tsdirectord: top needs a terminal; show --watch and show --json do without\n';
  expect(await site.run('top')).toMatchObject({ code: 1, stdout: '', stderr: message });
  if (!HAS_TERMINAL) return;
  const terminal = onTerminal(site, 'top');
  expect((await terminal.ended()).code).toBe(1);
  expect(terminal.output).toContain('is stopped (not running)');
  expect(terminal.output).not.toContain('\x1b');
});
