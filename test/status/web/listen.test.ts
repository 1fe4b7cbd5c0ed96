// Where it listens: loopback of both families, the network, unix sockets; and how it follows the configuration.
import { chmodSync, existsSync, lstatSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Config, StatusListen } from '../../../src/config/model.ts';
import { StatusPage } from '../../../src/status-page.ts';
import { configOf } from '../../config-of.ts';
import { freePort } from '../../free-port.ts';
import { LogLines } from '../../log-lines.ts';
import { scratch } from '../../scratch.ts';
import { until } from '../../until.ts';
import { Client, daemonOf, siteOf, TOKEN } from './site.ts';

const CONFIG = 'virtual = 10.0.0.1:80\n\tchecktype = on\n\treal = 10.0.0.2 gate\n';
const V6: StatusListen = { kind: 'tcp', address: '::1', family: 6, port: 0 };
const PUBLIC: StatusListen = { kind: 'tcp', address: '0.0.0.0', family: 4, port: 0 };
const BEARER = { Authorization: `Bearer ${TOKEN}` };

test('IPv6', async () => {
  const { client } = await siteOf(CONFIG, { listen: V6 });
  expect(client.url).toMatch(/^http:\/\/\[::1\]:\d+\/$/);
  expect((await client.get('/healthz')).status).toBe(200);
  expect((await client.get('/healthz', { Host: 'evil.example' })).status).toBe(403);
});

describe('where the network may ask', () => {
  test('all but the page and its description needs the token; any name will do', async () => {
    const { client } = await siteOf(CONFIG, { listen: PUBLIC });
    const Host = 'director.example.com';
    for (const path of ['/', '/openapi.json']) expect((await client.get(path, { Host })).status).toBe(200);
    for (const path of ['/api/v1/status', '/api/v1/services/tcp%3A10.0.0.1%3A80', '/healthz', '/readyz', '/metrics']) {
      const without = await client.get(path, { Host });
      expect(without).toMatchObject({ status: 401, headers: { 'www-authenticate': expect.any(String) } });
      expect(without.text).not.toContain('10.0.0.1');
      expect((await client.get(path, { Host, ...BEARER })).status).toBe(200);
    }
    expect((await client.get('/events', { Host })).status).toBe(401);
    const events = await client.events({ Host, ...BEARER });
    await until('hello', () => events.of('hello').length === 1);
  });
});

describe('a unix socket', () => {
  test('may be used by the group, by any name, and goes with the status page', async () => {
    const path = join(scratch(), 'status.sock');
    const { client, web } = await siteOf(CONFIG, { listen: { kind: 'unix', path } });
    expect(client.url).toBe(`unix:${path}`);
    expect(statSync(path).mode & 0o777).toBe(0o660);
    expect((await client.get('/api/v1/status', { Host: 'status.example.com' })).status).toBe(200);
    expect((await client.order({ op: 'drain', virtual: 'all', real: 'all' }, { Authorization: '' })).status).toBe(401);
    expect((await client.order({ op: 'drain', virtual: 'all', real: 'all' })).status).toBe(200);
    await web.off();
    expect(existsSync(path)).toBe(false);
  });

  test('one that a crash has left is taken over', async () => {
    const path = join(scratch(), 'status.sock');
    await leftSocket(path);
    const { client } = await siteOf(CONFIG, { listen: { kind: 'unix', path } });
    expect((await client.get('/healthz')).status).toBe(200);
  });

  test('one that somebody listens on, a file, and a link are left alone', async () => {
    const dir = scratch();
    const [socket, file, link] = ['socket', 'file', 'link'].map((name) => join(dir, name)) as [string, string, string];
    const other = createServer().listen(socket);
    onTestFinished(() => void other.close());
    writeFileSync(file, 'precious');
    symlinkSync(file, link);
    for (const path of [socket, file, link]) {
      await expect(siteOf(CONFIG, { listen: { kind: 'unix', path } })).rejects.toMatchObject({ code: 'EADDRINUSE' });
      expect(lstatSync(path)).toBeDefined();
    }
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
  });
});

/** A socket whose listener is gone without a word. */
async function leftSocket(path: string): Promise<void> {
  const { execFileSync } = await import('node:child_process');
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  try {
    execFileSync(process.execPath, ['-e', script]);
  } catch {
    // Killed, as it should be.
  }
  expect(lstatSync(path).isSocket()).toBe(true);
}

/** A daemon with its status page as the configuration has it. */
async function pageOf(more: Partial<Config>) {
  const log = new LogLines();
  const page = new StatusPage({ log: () => log, retryMs: 50 });
  const running = await daemonOf(configOf(CONFIG), [page]);
  await running.daemon.start();
  onTestFinished(() => page.close());
  const follow = async (next: Partial<Config>) => {
    await running.reload({ ...configOf(CONFIG), ...next });
    await page.follow(running.daemon.config);
  };
  await page.attend(running.source, { ...configOf(CONFIG), ...more });
  const url = () => {
    const said = log.lines.filter((line) => line.startsWith('The status page is at ')).at(-1);
    return said?.replace('The status page is at ', '').replace(', read-only', '') ?? '';
  };
  return { ...running, log, page, follow, client: () => new Client(url()) };
}

const at = (port: number): StatusListen => ({ kind: 'tcp', address: '127.0.0.1', family: 4, port });

/** A file with a token in it. */
function tokenFile(token = TOKEN): string {
  const path = join(scratch(), 'token');
  writeFileSync(path, `${token}\n`, { mode: 0o600 });
  return path;
}

describe('the configuration', () => {
  test('off, on, elsewhere, off', async () => {
    const [one, other] = [await freePort(), await freePort()];
    const { client, follow, log } = await pageOf({});
    expect(log.lines.join()).not.toContain('status page');
    await follow({ statusListen: at(one) });
    expect(log.lines.at(-1)).toBe(`The status page is at http://127.0.0.1:${one}/, read-only`);
    expect((await client().get('/api/v1/status')).status).toBe(200);
    const events = await client().events();
    await follow({ statusListen: at(one) });
    await until('the reload is told to whoever listens', () => events.of('reload').length === 1);
    await follow({ statusListen: at(other) });
    await until('they are let go', () => events.ended);
    expect((await client().get('/healthz')).status).toBe(200);
    await expect(new Client(`http://127.0.0.1:${one}/`).get('/')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await follow({});
    expect(log.lines.at(-1)).toBe('The status page is off');
    await expect(client().get('/')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await follow({ statusListen: at(one) });
    expect((await client().get('/metrics')).status).toBe(200);
  });

  test('a port that somebody has is told once, tried again, and taken when it is free', async () => {
    const other = createServer();
    const port = await new Promise<number>((resolve) => {
      other.listen(0, '127.0.0.1', () => resolve((other.address() as { port: number }).port));
    });
    const { client, log } = await pageOf({ statusListen: at(port) });
    const told = () => log.lines.filter((line) => line.startsWith('error:'));
    expect(told()).toEqual([
      `error: The status page is not as it should be: cannot listen on 127.0.0.1:${port}: another program listens there, or a file that is no socket of ours has that name`,
    ]);
    await new Promise((resolve) => other.close(resolve));
    await until('it listens', () => log.lines.at(-1)?.startsWith('The status page is at'));
    expect(told()).toHaveLength(1);
    expect((await client().get('/healthz')).status).toBe(200);
  });

  test('an address that this machine does not have', async () => {
    const { log, daemon } = await pageOf({
      statusListen: { kind: 'tcp', address: '203.0.113.9', family: 4, port: 9180 },
      statusToken: tokenFile(),
    });
    expect(log.lines.at(-1)).toContain(
      'cannot listen on 203.0.113.9:9180: this machine does not have that address now',
    );
    expect(daemon.state).toBe('running');
  });

  test('another token counts from the reload on', async () => {
    const port = await freePort();
    const statusToken = tokenFile();
    const { client, follow, log } = await pageOf({ statusListen: at(port), statusToken });
    const order = { op: 'recheck', virtual: 'all', real: 'all' };
    expect((await client().order(order)).status).toBe(200);
    writeFileSync(statusToken, 'another-token-of-this-kind');
    await follow({ statusListen: at(port), statusToken });
    expect((await client().order(order)).status).toBe(401);
    expect((await client().order(order, { Authorization: 'Bearer another-token-of-this-kind' })).status).toBe(200);
    expect(log.lines.filter((line) => line.includes('wrong token'))).toEqual([
      'warn: Somebody at 127.0.0.1 has tried a wrong token on the status page',
    ]);
    expect(log.lines.join()).not.toContain(TOKEN);
  });

  test('a token that cannot be read makes it read-only, and closes it to the network', async () => {
    const port = await freePort();
    const statusToken = tokenFile('short');
    const { client, follow, log } = await pageOf({ statusListen: at(port), statusToken });
    await until('told', () => log.lines.some((line) => line.includes('fewer than 16 characters')));
    expect((await client().get('/healthz')).status).toBe(200);
    expect((await client().order({ op: 'recheck', virtual: 'all', real: 'all' })).status).toBe(403);
    await follow({ statusListen: { ...at(port), address: '0.0.0.0' } as StatusListen, statusToken });
    await expect(client().get('/')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    writeFileSync(statusToken, TOKEN);
    await until('tried again', () => log.lines.at(-1)?.startsWith('The status page is at http://0.0.0.0'));
    expect(log.lines.filter((line) => line.startsWith('error:'))).toHaveLength(2);
  });

  test('a directory that may not be written in', async () => {
    const dir = scratch();
    chmodSync(dir, 0o500);
    const { log } = await pageOf({ statusListen: { kind: 'unix', path: join(dir, 'missing', 'status.sock') } });
    expect(log.lines.at(-1)).toMatch(/^error: The status page .* (no such file or directory|permission denied)$/);
  });
});
