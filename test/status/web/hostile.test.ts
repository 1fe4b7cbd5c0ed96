// Clients that mean no good, or are broken: each gets its answer or its end, and nobody else notices.
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Config, StatusListen } from '../../../src/config/model.ts';
import type { Limits } from '../../../src/status/web/server.ts';
import { configOf } from '../../config-of.ts';
import { scratch } from '../../scratch.ts';
import { until } from '../../until.ts';
import { LOCAL, type Site, siteOf, TOKEN } from './site.ts';

/** Shorter than anybody's patience. */
const LIMITS: Limits = { headersMs: 400, requestMs: 800, lookMs: 50, silentMs: 5_000, answerMs: 20_000 };
/** Nobody is ended for what he does not say: on a busy machine a whole request may take longer to be seen. */
const PATIENT: Limits = { ...LIMITS, headersMs: 60_000, requestMs: 60_000, silentMs: 60_000 };
const CONFIG = 'virtual = 10.0.0.1:80\n\tchecktype = on\n\treal = 10.0.0.2->10.0.0.200 gate\n';

/** A connection that says what it is told, and what came back. */
class Raw {
  readonly socket: Socket;
  text = '';
  closed = false;

  constructor({ client }: Site) {
    const path = client.url.startsWith('unix:') ? client.url.slice('unix:'.length) : undefined;
    this.socket = path === undefined ? connect({ port: client.port, host: '127.0.0.1' }) : connect(path);
    this.socket.setEncoding('latin1').on('data', (text: string) => {
      this.text += text;
    });
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.closed = true;
    });
    onTestFinished(() => void this.socket.destroy());
  }

  say(text: string): this {
    this.socket.write(text);
    return this;
  }

  end(deadlineMs = 8_000): Promise<unknown> {
    return until(
      'the end of the connection',
      () => this.closed,
      () => this.text,
      deadlineMs,
    );
  }
}

async function isWell({ client, faults }: Site): Promise<void> {
  expect((await client.get('/healthz')).status).toBe(200);
  expect(faults).toEqual([]);
}

test.each<[what: string, text: string, status: RegExp | '']>([
  ['no HTTP', 'hello\r\n\r\n', /^HTTP\/1.1 400 .*"this is not an HTTP request"/s],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', /^HTTP\/1.1 400/],
  [
    'a header that is too long',
    `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(9_000)}\r\n\r\n`,
    /^HTTP\/1.1 431/,
  ],
  ['an URL that is too long', `GET /${'x'.repeat(9_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`, /^HTTP\/1.1 431/],
  ['no Host', 'GET /healthz HTTP/1.1\r\n\r\n', /^HTTP\/1.1 400/],
  [
    'two lengths',
    'POST /api/v1/orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
    /^HTTP\/1.1 400/,
  ],
  [
    'a length and chunks',
    'POST /api/v1/orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    /^HTTP\/1.1 400/,
  ],
  ['a tunnel', 'CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n', ''],
  ['nothing at all', '', ''],
])('%s', async (what, text, status) => {
  const site = await siteOf(CONFIG);
  const raw = new Raw(site).say(text);
  if (what === 'nothing at all') raw.socket.end();
  await raw.end();
  if (status === '') expect(raw.text).toBe('');
  else expect(raw.text).toMatch(status);
  await isWell(site);
});

test('a header that drips is ended, and one byte is enough to be told so', async () => {
  const site = await siteOf(CONFIG, { limits: LIMITS });
  const raw = new Raw(site).say('GET / HTTP/1.1\r\nX');
  const drip = setInterval(() => raw.say('x'), 20);
  onTestFinished(() => clearInterval(drip));
  await raw.end();
  expect(raw.text).toMatch(/^HTTP\/1.1 408 .*did not come in time/s);
  await isWell(site);
});

test('a body that does not come is ended', async () => {
  const site = await siteOf(CONFIG, { limits: LIMITS });
  const head = `POST /api/v1/orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Type: application/json\r\n`;
  const raw = new Raw(site).say(`${head}Content-Length: 100\r\n\r\n{`);
  await raw.end();
  expect(raw.text).toMatch(/^HTTP\/1.1 408/);
  await isWell(site);
});

test('a body without end is not read', async () => {
  const site = await siteOf(CONFIG);
  const head = `POST /api/v1/orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Type: application/json\r\n`;
  const raw = new Raw(site).say(`${head}Transfer-Encoding: chunked\r\n\r\n`);
  const flood = setInterval(() => raw.say(`400\r\n${'x'.repeat(1024)}\r\n`), 5);
  onTestFinished(() => clearInterval(flood));
  await raw.end();
  expect(raw.text).toMatch(/^HTTP\/1.1 413/);
  expect(raw.text).toMatch(/^connection: close/im);
  await isWell(site);
});

test('a body where none belongs ends the connection, and is no second request', async () => {
  const site = await siteOf(CONFIG);
  const inner = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n';
  const raw = new Raw(site).say(`POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n${inner}`);
  await raw.end();
  expect(raw.text.match(/^HTTP\/1.1/gm)).toHaveLength(1);
  expect(raw.text).toMatch(/^HTTP\/1.1 405/);
});

test('whoever goes away in the middle is nobody’s trouble', async () => {
  const site = await siteOf(CONFIG);
  const raws = ['/api/v1/status', '/events', '/metrics', '/'].map((path) =>
    new Raw(site).say(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`),
  );
  await until('answers', () => raws.every(({ text }) => text !== ''));
  for (const { socket } of raws) socket.resetAndDestroy();
  await until('nobody listens', () => site.web.listeners === 0);
  await isWell(site);
});

test('many requests at once over one connection are answered in order', async () => {
  const site = await siteOf(CONFIG);
  const raw = new Raw(site).say('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(50));
  await until('all answers', () => raw.text.match(/"status":"ok"/g)?.length === 50);
});

test('connections have a bound, and room is made when they end', async () => {
  const site = await siteOf(CONFIG);
  const raws = Array.from({ length: 140 }, () => new Raw(site));
  await until('some are refused', () => raws.filter(({ closed }) => closed).length >= 12);
  expect(raws.filter(({ closed }) => closed).length).toBeLessThanOrEqual(13);
  for (const { socket } of raws) socket.destroy();
  await until('room', () =>
    site.client.get('/healthz').then(
      ({ status }) => status === 200,
      () => false,
    ),
  );
});

test('one address of the network cannot take all connections', async () => {
  const listen = { ...LOCAL, address: '0.0.0.0' } as StatusListen;
  // None ends because it says nothing.
  const site = await siteOf(CONFIG, { listen, limits: PATIENT });
  const raws = Array.from({ length: 140 }, () => new Raw(site));
  await until('most are refused', () => raws.filter(({ closed }) => closed).length >= 108);
  const headers = { Authorization: `Bearer ${TOKEN}` };
  expect((await site.client.ask('/healthz', { localAddress: '127.0.0.2', headers })).status).toBe(200);
  for (const { socket } of raws) socket.destroy();
  await until('room', () =>
    site.client.get('/healthz', headers).then(
      ({ status }) => status === 200,
      () => false,
    ),
  );
});

/** More than the kernel's buffers take. */
function large(): Config {
  const { virtuals, ...globals } = configOf(CONFIG);
  const [virtual] = virtuals;
  if (virtual === undefined) throw new Error('no virtual service');
  const long = { ...virtual, serviceName: 'x'.repeat(100_000) };
  return { ...globals, virtuals: Array.from({ length: 150 }, (_, port) => ({ ...long, port: port + 1 })) };
}

test.each([
  ['a port', () => LOCAL],
  ['a unix socket', (): StatusListen => ({ kind: 'unix', path: join(scratch(), 'status.sock') })],
])('long answers that nobody reads hold up only their like, and not for ever: %s', async (_, listen) => {
  const limits = { ...PATIENT, silentMs: 1_500 };
  const site = await siteOf(large(), { isStarted: false, listen: listen(), limits });
  const raws = Array.from({ length: 20 }, () => {
    const raw = new Raw(site);
    raw.socket.pause();
    return raw.say('GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n');
  });
  const ask = () => site.client.get('/api/v1/status', {}, 'HEAD');
  await until('too many', async () => (await ask()).status === 503);
  expect((await ask()).headers['retry-after']).toBe('1');
  await isWell(site);
  await until('room', async () => (await ask()).status === 200);
  for (const { socket } of raws) socket.resume();
  await until('whoever made room was ended in the middle', () =>
    raws.some(({ closed, text }) => closed && !text.endsWith('0\r\n\r\n')),
  );
});

test('an answer that is read too slowly is ended', async () => {
  const site = await siteOf(large(), { isStarted: false, limits: { ...PATIENT, answerMs: 500 } });
  const raw = new Raw(site).say('GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n');
  raw.socket.pause();
  const sips = setInterval(() => raw.socket.read(1), 50);
  onTestFinished(() => clearInterval(sips));
  const began = performance.now();
  await until('the limit', () => performance.now() - began > 1_000);
  clearInterval(sips);
  raw.socket.resume();
  await raw.end();
  expect(raw.text).not.toMatch(/0\r\n\r\n$/);
});

describe('names that are not ours (DNS rebinding)', () => {
  test.each([
    ['localhost', 200],
    ['LocalHost:9180', 200],
    ['127.0.0.1', 200],
    ['127.0.0.1:80', 200],
    ['127.5.6.7', 200],
    ['[::1]:9180', 200],
    ['evil.example', 403],
    ['evil.example:9180', 403],
    ['localhost.evil.example', 403],
    ['127.0.0.1.evil.example', 403],
    ['10.0.0.1', 403],
    ['[::2]', 403],
  ])('Host: %s', async (Host, status) => {
    const { client } = await siteOf(CONFIG);
    for (const path of ['/', '/api/v1/status', '/healthz']) {
      const answered = await client.get(path, { Host });
      expect(answered.status).toBe(status);
      if (status === 403) expect(answered.json.error).toContain('localhost, 127.0.0.1 or [::1]');
    }
  });

  test('HTTP/1.0 has no Host, and no browser speaks it', async () => {
    const site = await siteOf(CONFIG);
    const raw = new Raw(site).say('GET /healthz HTTP/1.0\r\n\r\n');
    await raw.end();
    expect(raw.text).toMatch(/^HTTP\/1.1 200/);
  });
});

test('what a server says reaches nobody as anything but text', async () => {
  const { WebServer } = await import('../../web-server.ts');
  const web = await WebServer.start();
  const site = await siteOf(
    `checkinterval = 1\nvirtual = 10.0.0.1:80\n\tservice = http\n\treal = 127.0.0.1:${web.port} masq\n\tservicename = </script><script>alert(1)//\n`,
  );
  const events = await site.client.events();
  web.mood = 'broken';
  const answered = await site.client.get('/api/v1/status');
  expect(answered.json.virtuals[0].serviceName).toBe('</script><script>alert(1)//');
  expect(answered.headers).toMatchObject({
    'content-type': 'application/json; charset=utf-8',
    'x-content-type-options': 'nosniff',
  });
  await until('an event', () => events.of('server').length > 0);
});
