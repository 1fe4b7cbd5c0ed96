// Orders over HTTP: who may give them, what shape they have, and that each does what it says.
import { describe, expect, test } from 'vitest';
import { until } from '../../until.ts';
import { type Site, siteOf, TOKEN } from './site.ts';

const CONFIG = [81, 80]
  .map((port) => `virtual = 10.0.0.1:${port}\n\tchecktype = on\n\treal = 10.0.0.2 gate 5\n\treal = 10.0.0.3 gate 5\n`)
  .join('');
const DRAIN = { op: 'drain', virtual: '10.0.0.1:80', real: '10.0.0.2:80' };

async function serverOf({ client }: Site, index = 0) {
  return (await client.get('/api/v1/services/tcp%3A10.0.0.1%3A80')).json.servers[index];
}

describe('what they do', () => {
  test('drain, then enable', async () => {
    const site = await siteOf(CONFIG);
    const { status, json } = await site.client.order(DRAIN);
    expect({ status, json }).toEqual({
      status: 200,
      json: { outcomes: [{ virtual: '10.0.0.1:80', real: '10.0.0.2:80', done: 'is drained' }] },
    });
    expect(await serverOf(site)).toMatchObject({
      ...{ override: { kind: 'drain' }, kernel: { weight: 0 } },
      transitions: [{ to: 'held' }],
    });
    await site.client.order({ ...DRAIN, op: 'enable' });
    const after = await serverOf(site);
    expect(after.kernel.weight).toBe(5);
    expect(after.override).toBeUndefined();
  });

  test('a weight, for all servers of a service', async () => {
    const site = await siteOf(CONFIG);
    const { json } = await site.client.order({ op: 'weight', virtual: 'tcp:10.0.0.1:80', real: 'all', weight: 9 });
    expect(json.outcomes).toHaveLength(2);
    expect((await serverOf(site, 1)).kernel.weight).toBe(9);
  });

  test('what the kernel does not take is an error, and stays ordered', async () => {
    const site = await siteOf(CONFIG);
    site.kernel.broken = true;
    const { status, json } = await site.client.order(DRAIN);
    expect(status).toBe(502);
    expect(json.error).toContain('ipvsadm is broken');
    expect((await serverOf(site)).override.kind).toBe('drain');
    site.kernel.broken = false;
    await until('tried again', async () => (await serverOf(site)).kernel.weight === 0);
  });
});

describe('who may give them', () => {
  test('nobody where there is no token', async () => {
    const { client } = await siteOf(CONFIG, { token: undefined });
    const { status, json } = await client.order(DRAIN);
    expect(status).toBe(403);
    expect(json.error).toContain('statustoken');
  });

  test.each([
    ['nothing', '', 401],
    ['another token', 'Bearer wrong', 401],
    ['the start of it', `Bearer ${TOKEN.slice(0, -1)}`, 401],
    ['more than it', `Bearer ${TOKEN}x`, 401],
    ['another scheme', `Basic ${TOKEN}`, 401],
    ['the token alone', TOKEN, 401],
    ['it, written otherwise', `bearer   ${TOKEN} `, 200],
  ])('%s', async (_, Authorization, expected) => {
    const { client } = await siteOf(CONFIG);
    const { status, headers, text } = await client.order(DRAIN, { Authorization });
    expect(status).toBe(expected);
    if (expected === 401) expect(headers['www-authenticate']).toBe('Bearer realm="tsdirectord"');
    expect(text).not.toContain(TOKEN);
  });

  test.each([
    ['http://evil.example', 403],
    ['null', 403],
    ['nonsense', 403],
    ['SELF', 200],
  ])('a page of %s', async (origin, expected) => {
    const { client } = await siteOf(CONFIG);
    const Origin = origin === 'SELF' ? client.url.replace(/\/$/, '') : origin;
    const { status, headers } = await client.order(DRAIN, { Origin });
    expect(status).toBe(expected);
    expect(headers['access-control-allow-origin']).toBeUndefined();
  });

  test('the right token passes while somebody tries wrong ones', async () => {
    const { client } = await siteOf(CONFIG);
    const tries = await Promise.all(
      Array.from({ length: 30 }, () => client.order(DRAIN, { Authorization: 'Bearer no' })),
    );
    const statuses = new Set(tries.map(({ status }) => status));
    expect(statuses).toEqual(new Set([401, 429]));
    expect((await client.order(DRAIN)).status).toBe(200);
  });

  test('not too many at once', async () => {
    const { client } = await siteOf(CONFIG);
    const answers = await Promise.all(Array.from({ length: 40 }, () => client.order({ ...DRAIN, op: 'recheck' })));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 429]));
    expect(answers.find(({ status }) => status === 429)?.headers['retry-after']).toBe('1');
  });
});

test.each<[what: string, order: unknown, status: number, error: RegExp]>([
  ['no JSON', '{', 400, /one JSON object/],
  ['nothing', '', 400, /one JSON object/],
  ['a list', [DRAIN], 400, /one JSON object/],
  ['a text', '"drain"', 400, /one JSON object/],
  ['no op', { virtual: 'all', real: 'all' }, 400, /"op" is one of drain/],
  ['another op', { ...DRAIN, op: 'stop' }, 400, /"op" is one of/],
  ['an op of Object', { ...DRAIN, op: 'toString' }, 400, /"op" is one of/],
  ['no real', { op: 'drain', virtual: 'all' }, 400, /"virtual" and "real"/],
  ['an empty real', { ...DRAIN, real: '' }, 400, /"virtual" and "real"/],
  ['a long real', { ...DRAIN, real: 'x'.repeat(301) }, 400, /"virtual" and "real"/],
  ['a real that is no text', { ...DRAIN, real: 1 }, 400, /"virtual" and "real"/],
  ['something more', { ...DRAIN, wieght: 1 }, 400, /nothing else/],
  ['no weight', { ...DRAIN, op: 'weight' }, 400, /whole number from 0 to 65535/],
  ['half a weight', { ...DRAIN, op: 'weight', weight: 0.5 }, 400, /whole number/],
  ['a weight with drain', { ...DRAIN, weight: 1 }, 400, /makes no sense with "drain"/],
  ['an unknown service', { ...DRAIN, virtual: '10.0.0.9:80' }, 404, /no virtual service "10.0.0.9:80"/],
  ['an unknown server', { ...DRAIN, real: '10.0.0.9' }, 404, /no real server "10.0.0.9"/],
  ['too much', { ...DRAIN, real: 'x'.repeat(5000) }, 413, /at most 4096 bytes/],
])('%s is refused', async (_, order, status, error) => {
  const site = await siteOf(CONFIG);
  const answered = await site.client.order(order);
  expect(answered.status).toBe(status);
  expect(answered.json.error).toMatch(error);
  expect((await serverOf(site)).kernel.weight).toBe(5);
});

test.each(['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', ''])(
  'a form cannot send one: %j',
  async (type) => {
    const { client } = await siteOf(CONFIG);
    expect((await client.order(DRAIN, { 'Content-Type': type })).status).toBe(415);
  },
);
