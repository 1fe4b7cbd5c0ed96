// What is answered to whoever asks politely: every path, and what it says.
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { pageOf } from '../../../src/status/web/page.ts';
import { configOf } from '../../config-of.ts';
import { until } from '../../until.ts';
import { WebServer } from '../../web-server.ts';
import { hurried, siteOf } from './site.ts';

const FAST = 'checkinterval = 1\nnegotiatetimeout = 5\nquiescent = yes\n';
const KEY = 'tcp%3A10.0.0.1%3A80';

function configText(web: WebServer, more = ''): string {
  return `${FAST}virtual = 10.0.0.1:80\n\tservice = http\n\treceive = "found"\n\treal = 127.0.0.1:${web.port} masq 3\n${more}`;
}

async function checkedSite(more = '') {
  const web = await WebServer.start();
  const site = await siteOf(configText(web, more));
  await until('ready', async () => (await site.client.get('/readyz')).status === 200);
  return { ...site, server: web, name: `127.0.0.1:${web.port}` };
}

test('status: what the daemon knows, and what the kernel has', async () => {
  const { client, name } = await checkedSite();
  const { status, headers, json } = await client.get('/api/v1/status');
  expect(status).toBe(200);
  expect(headers).toMatchObject({
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'content-security-policy': expect.stringContaining("frame-ancestors 'none'"),
  });
  expect(json).toMatchObject({ version: '1.2.3', pid: 4711, state: 'running' });
  expect(json.virtuals).toHaveLength(1);
  expect(json.virtuals[0]).toMatchObject({ key: 'tcp:10.0.0.1:80', name: '10.0.0.1:80', scheduler: 'wrr' });
  expect(json.virtuals[0].servers[0]).toMatchObject({
    ...{ name, state: 'up', weight: 3, kernel: { weight: 3 } },
    lastCheck: { outcome: 'up' },
  });
});

test('a service: with the history and the latest checks of its servers', async () => {
  const { client, server } = await checkedSite();
  server.mood = 'broken';
  await until('down', async () => {
    const { json } = await client.get(`/api/v1/services/${KEY}`);
    return json.servers[0].state === 'down';
  });
  const { json } = await client.get(`/api/v1/services/${KEY}`);
  const [{ transitions, latencies }] = json.servers;
  expect(transitions.map(({ to }: { to: string }) => to)).toEqual(['up', 'down']);
  expect(transitions[1].reason).toContain('500');
  expect(latencies.length).toBeGreaterThanOrEqual(2);
  expect(latencies[0]).toMatchObject({ outcome: 'up', durationMs: expect.any(Number), at: expect.any(Number) });
  expect(latencies.at(-1).outcome).toBe('down');
});

test.each([
  ['tcp%3A10.0.0.9%3A80', 404],
  ['%E0%A4%A', 400],
  ['__proto__', 404],
])('a service that is not there: %s', async (key, status) => {
  const { client } = await checkedSite();
  const answered = await client.get(`/api/v1/services/${key}`);
  expect(answered.status).toBe(status);
  expect(answered.json.error).toMatch(/\w/);
});

describe('healthz', () => {
  test('says why the table is not as it should be', async () => {
    const { client, kernel, server } = await checkedSite();
    expect((await client.get('/healthz')).json).toEqual({ status: 'ok' });
    kernel.broken = true;
    server.mood = 'broken';
    const answered = await until('unwell', async () => {
      const found = await client.get('/healthz');
      return found.status === 503 ? found : undefined;
    });
    expect(answered?.json.error).toContain('ipvsadm is broken');
    kernel.broken = false;
    await until('well', async () => (await client.get('/healthz')).status === 200);
  });

  test('says what keeps the daemon from its work', async () => {
    const { client, source } = await checkedSite();
    source.stuck = () => 'a check has been due for 21 s';
    expect(await client.get('/healthz')).toMatchObject({
      status: 503,
      json: { error: 'a check has been due for 21 s' },
    });
  });

  test('fails while the daemon stops', async () => {
    const { client, daemon } = await checkedSite();
    await daemon.stop();
    expect(await client.get('/healthz')).toMatchObject({ status: 503, json: { error: 'the daemon is stopping' } });
  });
});

test('readyz names a server that waits for its first check; one that is never checked does not', async () => {
  const web = await WebServer.start();
  web.mood = 'hang';
  const { client } = await siteOf(configText(web, 'virtual = 10.0.0.1:81\n\tchecktype = on\n\treal = 10.0.0.2 gate\n'));
  const answered = await client.get('/readyz');
  expect(answered.status).toBe(503);
  expect(answered.json.error).toBe(`127.0.0.1:${web.port} (10.0.0.1:80) has not been checked yet`);
  web.mood = 'ok';
  web.closeConnections();
  await until('ready', async () => (await client.get('/readyz')).status === 200);
});

test('readyz waits for servers that a reload adds, and not for those that go', async () => {
  const { client, server, reload } = await checkedSite();
  const other = await WebServer.start();
  other.mood = 'hang';
  const text = configText(server);
  const more = text.replace(/\treal = .*\n/, (line) => `${line}\treal = 127.0.0.1:${other.port} masq\n`);
  await reload(hurried(configOf(more)));
  expect((await client.get('/readyz')).json.error).toContain(`127.0.0.1:${other.port} (10.0.0.1:80)`);
  await reload(hurried(configOf(text)));
  expect((await client.get('/readyz')).status).toBe(200);
  await reload(hurried(configOf(more)));
  other.mood = 'ok';
  other.closeConnections();
  await until('ready', async () => (await client.get('/readyz')).status === 200);
});

test('metrics are those of this daemon', async () => {
  const { client } = await checkedSite();
  const { status, headers, text } = await client.get('/metrics');
  expect(status).toBe(200);
  expect(headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
  expect(text).toMatch(/^tsdirectord_\w+\{.*10\.0\.0\.1:80.*\} 1$/m);
});

test('the page: kept by a browser that has it, and only its own script and style may run', async () => {
  const { client } = await checkedSite();
  const { status, headers, text } = await client.get('/');
  expect(status).toBe(200);
  expect(headers['content-type']).toBe('text/html; charset=utf-8');
  expect(text).toMatch(/<!doctype html>/i);
  const policy = headers['content-security-policy'] ?? '';
  expect(policy).not.toMatch(/unsafe|\*|https?:/);
  for (const [, element, content = ''] of text.matchAll(/<(script|style)\b[^>]*>([\s\S]*?)<\/\1>/g))
    expect(new RegExp(`${element}-src ([^;]*)`).exec(String(policy))?.[1]?.split(' ')).toContain(
      `'sha256-${createHash('sha256').update(content).digest('base64')}'`,
    );
  const again = await client.get('/', { 'If-None-Match': `W/"x", ${headers.etag}` });
  expect(again).toMatchObject({ status: 304, text: '' });
  expect((await client.get('/', { 'If-None-Match': '"other"' })).status).toBe(200);
});

test('a page without a script may run none', () => {
  const { headers } = pageOf('<!doctype html><style>a{}</style><style>b{}</style>');
  const policy = String(headers['Content-Security-Policy']);
  expect(policy).toContain("script-src 'none'");
  expect(policy.match(/sha256-/g)).toHaveLength(2);
});

describe('methods', () => {
  test.each(['/', '/openapi.json', '/api/v1/status', `/api/v1/services/${KEY}`, '/events', '/healthz', '/metrics'])(
    'HEAD %s has the headers of GET and nothing else',
    async (path) => {
      const { client } = await checkedSite();
      const answered = await client.get(path, {}, 'HEAD');
      expect(answered).toMatchObject({ status: 200, text: '' });
      expect(answered.headers['content-type']).toMatch(/\w/);
    },
  );

  test.each([
    ['POST', '/', 'GET, HEAD'],
    ['DELETE', '/api/v1/status', 'GET, HEAD'],
    ['OPTIONS', '/events', 'GET, HEAD'],
    ['GET', '/api/v1/orders', 'POST'],
    ['PUT', '/api/v1/orders', 'POST'],
  ])('%s %s is not taken', async (method, path, allowed) => {
    const { client } = await checkedSite();
    const answered = await client.get(path, {}, method);
    expect(answered.status).toBe(405);
    expect(answered.headers.allow).toBe(allowed);
    expect(answered.json.error).toContain(path);
  });

  test.each(['/nothing', '//', '/api/v1/status/', '/../etc/passwd', '*', '/api/v1/services/', '/api/v1/services/a/b'])(
    '%s is not there',
    async (path) => {
      const { client } = await checkedSite();
      expect((await client.get(path)).status).toBe(404);
    },
  );

  test('a query is nobody’s business', async () => {
    const { client } = await checkedSite();
    expect((await client.get('/healthz?token=x')).status).toBe(200);
  });
});

test('one connection serves many requests', async () => {
  const { client } = await checkedSite();
  const { Agent } = await import('node:http');
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (let round = 0; round < 5; round++) {
    const answered = await client.ask('/api/v1/status', { agent });
    expect(answered.status).toBe(200);
  }
  expect(Object.values(agent.freeSockets).flat()).toHaveLength(1);
  agent.destroy();
});
