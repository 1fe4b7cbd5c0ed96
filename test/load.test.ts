// Loading from the disk: names looked up, files tried for writing, errors of both kinds together.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { formatDiagnostics, load, loadText } from '../src/load.ts';
import { lookups } from './config/lookups.ts';
import { scratch } from './scratch.ts';

const BLOCK = 'virtual = 10.8.8.45:80\n\treal = 10.8.8.48:80 gate\n';

test('a file that is not there is the system’s error', async () => {
  await expect(load(join(scratch(), 'nope.cf'), lookups)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a file is read, and its path is in the diagnostics', async () => {
  const path = join(scratch(), 'a.cf');
  writeFileSync(path, `quiescent = maybe\n${BLOCK}`, { mode: 0o600 });
  const loaded = await load(path, lookups);
  expect(loaded.config).toBeUndefined();
  expect(formatDiagnostics(loaded)).toEqual([
    `${path}:1:13: error: "maybe" is neither yes nor no
    1 | quiescent = maybe
      |             ^^^^^
      = expected yes or no`,
  ]);
  expect(formatDiagnostics(loaded, true)[0]).toContain('\x1b[1;31merror:\x1b[0m');
});

test('each name is asked for once, for the IP version it is used with', async () => {
  const resolveHost = vi.fn(lookups.resolveHost);
  const { config } = await loadText(
    'virtual = vip.example.com:http\n\treal = web1.example.com:80 gate\n\treal = web1.example.com:81 masq\nvirtual6 = vip.example.com:80\n\treal6 = web1.example.com gate\n',
    'a.cf',
    { ...lookups, resolveHost },
  );
  expect(resolveHost.mock.calls.sort()).toEqual([
    ['vip.example.com', 4],
    ['vip.example.com', 6],
    ['web1.example.com', 4],
    ['web1.example.com', 6],
  ]);
  expect(
    config?.virtuals.map(({ address, port, reals }) => [address, port, ...reals.map((real) => real.address)]),
  ).toEqual([
    ['10.8.8.45', 80, '10.8.8.48', '10.8.8.48'],
    ['2001:db8::45', 80, '2001:db8::48'],
  ]);
});

test('a resolver that fails is a name without an address', async () => {
  const failing = { ...lookups, resolveHost: () => Promise.reject(new Error('EAI_AGAIN')) };
  const { config, diagnostics } = await loadText(`${BLOCK}\tfallback = localhost\n`, 'a.cf', failing);
  expect(config).toBeUndefined();
  expect(diagnostics.map(({ message }) => message)).toEqual([
    'the name "localhost" of the fallback server has no IPv4 address',
  ]);
});

test('the system’s own resolver knows localhost, and a name under .invalid fails at once', async () => {
  const known = await loadText(`${BLOCK}\tfallback = localhost\n`, 'a.cf');
  expect(known.config?.virtuals[0]?.fallback?.address).toBe('127.0.0.1');
  const unknown = await loadText(`${BLOCK}\tfallback = nowhere.invalid\n`, 'a.cf');
  expect(unknown.config).toBeUndefined();
});

const root = process.getuid?.() === 0;

test.each<[what: string, name: string, reason: string | undefined]>([
  ['a new file in a directory that is there', 'dir/new.log', undefined],
  ['a file that is there', 'dir/old.log', undefined],
  ['a directory', 'dir', 'it is a directory'],
  ['a file in a directory that is not there', 'nope/new.log', 'DIR/nope: no such file or directory'],
  ['a file below a file', 'dir/old.log/new.log', 'not a directory'],
  ...(root
    ? []
    : [
        ['a file without permission', 'dir/closed.log', 'permission denied'] satisfies [string, string, string],
        ['a directory without permission', 'closed/new.log', 'DIR/closed: permission denied'] satisfies [
          string,
          string,
          string,
        ],
      ]),
])('logfile and monitorfile: %s', async (_, name, reason) => {
  const dir = scratch();
  for (const each of ['dir', 'closed']) mkdirSync(join(dir, each));
  for (const each of ['old.log', 'closed.log']) writeFileSync(join(dir, 'dir', each), '');
  chmodSync(join(dir, 'dir/closed.log'), 0o400);
  chmodSync(join(dir, 'closed'), 0o500);
  const path = join(dir, name);
  const { config, diagnostics } = await loadText(
    `logfile = ${path}\n${BLOCK}\tmonitorfile = ${path}\n`,
    'a.cf',
    lookups,
  );
  const errors = diagnostics
    .filter(({ severity }) => severity === 'error')
    .map(({ message }) => message.replaceAll(dir, 'DIR'));
  expect(errors).toEqual(
    reason === undefined
      ? []
      : ['logfile', 'monitorfile'].map((directive) => `cannot write the ${directive} DIR/${name}: ${reason}`),
  );
  expect(config === undefined).toBe(reason !== undefined);
});

test('only the logfile that counts is tried', async () => {
  const { diagnostics } = await loadText(`logfile = /proc/nope/a\nlogfile = local0\n${BLOCK}`, 'a.cf', lookups);
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
});

test('errors of the text, of names and of files are told together, in the order of the file', async () => {
  const { diagnostics } = await loadText(
    `logfile = /proc/nope/a\nvirtual = nowhere.invalid:80\n\treal = 10.8.8.48:80 gaet\ncheckinterval = 0\n`,
    'a.cf',
    lookups,
  );
  expect(diagnostics.map(({ line }) => line)).toEqual([1, 2, 3, 4]);
});

test('who logs elsewhere (-d) needs no logfile', async () => {
  const { config } = await loadText(`logfile = /proc/nope/a\n${BLOCK}`, 'a.cf', lookups, false);
  expect(config).toBeDefined();
});

test('authorities are read from the file that sslverify names, once', async () => {
  const readAuthorities = vi.fn(async (file = 'system') => ({ file, pem: 'PEM', digest: 'D' }));
  const block = (ip: string, verify: string) =>
    `virtual = ${ip}:443\n\treal = 10.8.8.48 gate\n\tsslname = a.example\n\tsslverify = ${verify}\n`;
  const text =
    block('10.0.0.1', '/ca.pem') + block('10.0.0.2', '"/ca.pem"') + block('10.0.0.3', 'yes') + block('10.0.0.4', 'no');
  const { config } = await loadText(text, 'a.cf', { ...lookups, readAuthorities });
  expect(readAuthorities.mock.calls).toEqual([['/ca.pem'], [undefined]]);
  const used = config?.virtuals.map(({ reals }) => {
    const spec = reals[0]?.check.spec;
    return spec?.kind === 'http' ? spec.tls?.authorities?.file : spec?.kind;
  });
  expect(used).toEqual(['/ca.pem', '/ca.pem', 'system', undefined]);
});

test('authorities that cannot be read are an error where they are named', async () => {
  const loaded = await loadText(
    'virtual = 10.0.0.1:443\n\treal = 10.8.8.48 gate\n\tsslverify = "/no/ca.pem"\n',
    'a.cf',
  );
  expect(loaded.config).toBeUndefined();
  expect(formatDiagnostics(loaded)).toEqual([
    `a.cf:3:15: error: cannot read the authorities in /no/ca.pem: no such file or directory
    3 | \tsslverify = "/no/ca.pem"
      | \t             ^^^^^^^^^^
      = expected the certificates of the authorities in PEM format, readable for this program`,
  ]);
});

const ORACLE =
  'virtual = 10.0.0.1:1521\n\treal = 10.8.8.48 gate\n\tlogin = u\n\tdatabase = XE\n\trequest = "SELECT 1 FROM dual"\n';

test('an oracle check without its library is an error that says what to install', async () => {
  const without = { ...lookups, isInstalled: async () => false };
  const combined = `${ORACLE.replace('0.1', '0.2')}\tservice = oracle\n\tchecktype = 4\n`;
  const loaded = await loadText(ORACLE + combined, 'a.cf', without);
  expect(loaded.config).toBeUndefined();
  expect(loaded.diagnostics.map(({ line, message, hint }) => [line, message, hint?.replace(/ \/\S+/, ' DIR')])).toEqual(
    [
      [
        1,
        'the oracle check needs the package oracledb, which is not installed',
        'install it where this program finds it: npm install --no-save --prefix DIR oracledb@26',
      ],
      [
        11,
        'the oracle check needs the package oracledb, which is not installed',
        'install it where this program finds it: npm install --no-save --prefix DIR oracledb@26',
      ],
    ],
  );
});

test('nobody asks for that library while no server is asked by it', async () => {
  const isInstalled = vi.fn(async () => false);
  const { config } = await loadText(`${ORACLE}\tchecktype = connect\n`, 'a.cf', { ...lookups, isInstalled });
  expect(config).toBeDefined();
  expect(isInstalled).not.toHaveBeenCalled();
});

test('the library is found where the project has it for its tests', async () => {
  expect((await loadText(ORACLE, 'a.cf')).config).toBeDefined();
});

test('who only looks at a configuration is warned of files that the daemon could perhaps write', async () => {
  const { config, diagnostics } = await loadText(
    `logfile = /no/such/directory/log\n${BLOCK}`,
    'a.cf',
    lookups,
    true,
    'visitor',
  );
  expect(config).toBeDefined();
  expect(diagnostics).toMatchObject([{ severity: 'warning', line: 1 }]);
});

test('an interface to synchronise over that is not there is a warning, because it may come up later', async () => {
  const loaded = await loadText(`syncdaemon = "nosuch0 7"\n${BLOCK}`, 'a.cf', lookups);
  expect(loaded.config?.syncDaemon).toEqual({ interface: 'nosuch0', syncId: 7 });
  expect(formatDiagnostics(loaded)).toEqual([
    `a.cf:1:14: warning: there is no network interface nosuch0 to synchronise connections over
    1 | syncdaemon = "nosuch0 7"
      |              ^^^^^^^^^^^
      = it is tried again until there is one; "ip link" lists those that there are`,
  ]);
});

test.each([
  ['one that is there', 'syncdaemon = lo\n', []],
  ['not one whose name only begins so', 'syncdaemon = l\n', [1]],
  ['nor one that has that as its beginning', 'syncdaemon = lo0\n', [1]],
  ['only the one that counts', 'syncdaemon = nosuch0\nsyncdaemon = lo 3\n', []],
  ['none', '', []],
])('an interface to synchronise over: %s', async (_, text, lines) => {
  const { diagnostics } = await loadText(text + BLOCK, 'a.cf', lookups);
  const told = diagnostics.filter(({ message }) => message.includes('network interface'));
  expect(told.map(({ line, severity }) => [line, severity])).toEqual(lines.map((line) => [line, 'warning']));
});
