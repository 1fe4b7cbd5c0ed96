// The status page of the real program: the page is in the bundle, a reload goes over to another address, and nothing of it stops the daemon.
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { freePort } from '../free-port.ts';
import { Client, TOKEN } from '../status/web/site.ts';
import { until } from '../until.ts';
import { Site } from './program.ts';

const REST = 'virtual = 10.0.0.1:80\n\tchecktype = on\n\treal = 10.0.0.2:80 gate 5\n';

function serves(client: Client): Promise<unknown> {
  return until('the status page', () =>
    client.get('/healthz').then(
      ({ status }) => status === 200,
      () => false,
    ),
  );
}

test('off, on, elsewhere, with orders, and gone with the daemon', async () => {
  const site = new Site(REST);
  const [port, path, token] = [await freePort(), join(site.dir, 'status.sock'), join(site.dir, 'token')];
  writeFileSync(token, TOKEN, { mode: 0o600 });
  expect((await site.run('start')).code).toBe(0);
  site.configure(`statuslisten = 127.0.0.1:${port}\n${REST}`);
  expect((await site.run('reload', '--wait')).code).toBe(0);
  const client = new Client(`http://127.0.0.1:${port}/`);
  await serves(client);
  expect((await client.get('/')).text).toMatch(/<!doctype html>[\s\S]*<script/i);
  expect((await client.get('/openapi.json')).json.openapi).toBe('3.1.0');
  expect((await client.get('/metrics')).text).toContain('process_cpu_seconds_total');
  const { json } = await client.get('/api/v1/status');
  expect(json).toMatchObject({ state: 'running', path: site.config, virtuals: [{ servers: [{ state: 'up' }] }] });

  const events = await client.events();
  site.configure(`statuslisten = ${path}\nstatustoken = ${token}\n${REST}`);
  expect((await site.run('reload', '--wait')).code).toBe(0);
  await until('let go', () => events.ended);
  const unix = new Client(`unix:${path}`);
  await serves(unix);
  const order = { op: 'disable', virtual: 'all', real: 'all' };
  expect((await unix.order(order)).json.outcomes).toHaveLength(1);
  const [{ servers }] = (await unix.get('/api/v1/status')).json.virtuals;
  expect(servers[0]).toMatchObject({ override: { kind: 'disable' }, heldDown: expect.any(String) });
  const told = /Real server .* is disabled, ordered by the operator over HTTP from a unix socket$/m;
  await until('word of it', () => told.test(site.log));
  expect(site.log).not.toContain(TOKEN);

  expect((await site.run('stop')).code).toBe(0);
  expect(existsSync(path)).toBe(false);
});

test('an address that somebody has is told, and the daemon works', async () => {
  const other = createServer();
  const port = await new Promise<number>((resolve) => {
    other.listen(0, '127.0.0.1', () => resolve((other.address() as { port: number }).port));
  });
  const site = new Site(`statuslisten = 127.0.0.1:${port}\n${REST}`);
  expect((await site.run('start')).code).toBe(0);
  await until('told', () => site.log.includes(`cannot listen on 127.0.0.1:${port}: another program listens there`));
  expect((await site.run('status')).code).toBe(0);
  await new Promise((resolve) => other.close(resolve));
  expect((await site.run('stop')).code).toBe(0);
});

test('check: a token that everybody may read is a warning, a public address without one an error', async () => {
  const site = new Site(REST);
  const token = join(site.dir, 'token');
  writeFileSync(token, TOKEN);
  chmodSync(token, 0o644);
  site.configure(`statuslisten = 0.0.0.0:9180\nstatustoken = ${token}\n${REST}`);
  const warned = await site.run('check');
  expect(warned.code).toBe(0);
  expect(warned.stdout + warned.stderr).toContain(`every user of this machine may read or write the token in ${token}`);
  expect(warned.stdout + warned.stderr).not.toContain(TOKEN);
  site.configure(`statuslisten = 0.0.0.0:9180\n${REST}`);
  const refused = await site.run('start');
  expect(refused.code).toBe(2);
  expect(refused.stdout + refused.stderr).toContain('open to the whole network');
});
