// A configuration that others may change, or whose passwords they may read: told with what to do about it, and only then.
import { execFileSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { formatDiagnostics, load, readConfiguration } from '../../src/load.ts';
import { lookups } from '../config/lookups.ts';
import { scratch } from '../scratch.ts';

const PLAIN = 'virtual = 10.8.8.45:80\n\treal = 10.8.8.48:80 gate\n';
const WITH = (line: string): string => `${PLAIN}\tservice = imap\n\tlogin = joe\n\t${line}\n`;
const PASSWORD = WITH('passwd = "hunter2"');

const EVERYBODY = "every user of this machine may change it, and with it what runs as the daemon's user";
const GROUP = "every member of this file's group may change it, and with it what runs as the daemon's user";
const SECRET = 'every user of this machine may read this secret';

async function toldOf(text: string, mode: number): Promise<readonly (readonly [line: number, message: string])[]> {
  const path = join(scratch(), 'a.cf');
  writeFileSync(path, text);
  chmodSync(path, mode);
  const { config, diagnostics } = await load(path, lookups);
  expect(config).toBeDefined();
  return diagnostics.filter(({ message }) => message.includes(' may ')).map(({ line, message }) => [line, message]);
}

test.each<[what: string, text: string, mode: number, told: (readonly [number, string])[]]>([
  ['0644', PLAIN, 0o644, []],
  ['0600', PLAIN, 0o600, []],
  ['0444', PLAIN, 0o444, []],
  ['0664', PLAIN, 0o664, [[0, GROUP]]],
  ['0620', PLAIN, 0o620, [[0, GROUP]]],
  ['0646', PLAIN, 0o646, [[0, EVERYBODY]]],
  ['0666', PLAIN, 0o666, [[0, EVERYBODY]]],
  ['0600 with a password', PASSWORD, 0o600, []],
  ['0640 with a password', PASSWORD, 0o640, []],
  ['0644 with a password', PASSWORD, 0o644, [[5, SECRET]]],
  ['0604 with a password', PASSWORD, 0o604, [[5, SECRET]]],
  [
    '0666 with a password',
    PASSWORD,
    0o666,
    [
      [0, EVERYBODY],
      [5, SECRET],
    ],
  ],
  ['0644 with two', `${PASSWORD}\tsecret = x\n`, 0o644, [[5, SECRET]]],
  ['a RADIUS secret', WITH('secret = x'), 0o644, [[5, SECRET]]],
  ['a password in a URL', WITH('request = "/?password=x"'), 0o644, [[5, SECRET]]],
  ['one before the host of a URL', WITH('request = "http://joe:x@10.8.8.48/"'), 0o644, [[5, SECRET]]],
  ['a password among arguments', WITH('checkcommand = "/bin/x --password y"'), 0o644, [[5, SECRET]]],
  ['one of the globals', `fallbackcommand = "/bin/x --token=y"\n${PLAIN}`, 0o644, [[1, SECRET]]],
  ['a login without one', WITH('starttls = yes'), 0o644, []],
  ['a comment about one', `${PLAIN}# passwd = none\n`, 0o644, []],
  ['the file of a token', `statustoken = /no/such/file\n${PLAIN}`, 0o644, []],
])('%s', async (_, text, mode, told) => expect(await toldOf(text, mode)).toEqual(told));

test('as people see it', async () => {
  const path = join(scratch(), 'a.cf');
  writeFileSync(path, PASSWORD);
  chmodSync(path, 0o666);
  const told = formatDiagnostics(await load(path, lookups)).filter((text) => text.includes(' may '));
  expect(told).toEqual([
    `${path}: warning: ${EVERYBODY}\n      = chmod go-w ${path}`,
    `${path}:5:11: warning: ${SECRET}\n    5 | \tpasswd = ********\n      | \t         ^^^^^^^^\n      = chmod o= ${path}; if the daemon is not root, chgrp it first to the daemon's group (tsdirectord under systemd)`,
  ]);
});

test('a pipe has no mode that would say anything', async () => {
  const path = join(scratch(), 'pipe');
  execFileSync('mkfifo', ['-m', '666', path]);
  const read = readConfiguration(path);
  writeFileSync(path, PASSWORD);
  expect(await read).toEqual({ text: PASSWORD, mode: undefined });
});
