// share/tsdirectord/openapi.json against what is really answered: every path, every status code, and the shape of each answer.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { until } from '../../until.ts';
import { WebServer } from '../../web-server.ts';
import { type Answered, type Site, siteOf } from './site.ts';

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxItems?: number;
}
interface Response {
  readonly $ref?: string;
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>;
  readonly headers?: object;
}
interface Description {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly responses: Record<string, Response> }>>>>;
  readonly components: { readonly schemas: Record<string, Schema>; readonly responses: Record<string, Response> };
}

const FILE = new URL('../../../share/tsdirectord/openapi.json', import.meta.url);
const API: Description = JSON.parse(readFileSync(FILE, 'utf8'));

function pointed<T extends { readonly $ref?: string }>(found: T): T {
  if (found.$ref === undefined) return found;
  const [, , kind, name] = found.$ref.split('/');
  const target = (API.components as unknown as Record<string, Record<string, T>>)[kind ?? '']?.[name ?? ''];
  if (target === undefined) throw new Error(`${found.$ref} is nowhere`);
  return target;
}

/** What is wrong with a value, each with its place. */
function problems(value: unknown, given: Schema, place = '$'): string[] {
  const schema = pointed(given);
  if (schema.oneOf !== undefined) {
    const fitting = schema.oneOf.filter((each) => problems(value, each, place).length === 0);
    return fitting.length === 1 ? [] : [`${place}: fits ${fitting.length} of ${schema.oneOf.length}`];
  }
  const wrong: string[] = [];
  if (schema.enum !== undefined && !schema.enum.includes(value)) wrong.push(`${place}: ${value} is not in enum`);
  switch (schema.type) {
    case 'object': {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${place}: no object`];
      for (const name of schema.required ?? []) if (!(name in value)) wrong.push(`${place}.${name}: is missing`);
      for (const [name, part] of Object.entries(value)) {
        const known = schema.properties?.[name];
        if (known !== undefined) wrong.push(...problems(part, known, `${place}.${name}`));
        else if (schema.properties !== undefined) wrong.push(`${place}.${name}: is not described`);
      }
      return wrong;
    }
    case 'array':
      if (!Array.isArray(value)) return [`${place}: no array`];
      if (value.length > (schema.maxItems ?? Number.POSITIVE_INFINITY)) wrong.push(`${place}: too long`);
      return [...wrong, ...value.flatMap((item, index) => problems(item, schema.items ?? {}, `${place}[${index}]`))];
    case 'integer':
    case 'number': {
      if (typeof value !== 'number') return [`${place}: no number`];
      if (schema.type === 'integer' && !Number.isInteger(value)) wrong.push(`${place}: ${value} is not whole`);
      const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = schema;
      if (value < minimum || value > maximum) wrong.push(`${place}: ${value} is out of range`);
      return wrong;
    }
    case undefined:
      return wrong;
    default:
      return typeof value === schema.type ? wrong : [...wrong, `${place}: no ${schema.type}`];
  }
}

/** Which answers were seen. */
const seen = new Set<string>();

function check(method: string, path: string, answered: Answered): void {
  const described = API.paths[path]?.[method.toLowerCase()]?.responses[String(answered.status)];
  const what = `${method} ${path} ${answered.status}`;
  if (described === undefined) throw new Error(`${what} is not described: ${answered.text}`);
  seen.add(what);
  const { content = {}, headers = {} } = pointed(described);
  for (const name of Object.keys(headers)) expect(Object.keys(answered.headers), what).toContain(name.toLowerCase());
  const type = answered.headers['content-type']?.split(';', 1)[0] ?? '';
  if (answered.status === 304) return;
  expect(Object.keys(content), what).toContain(type);
  if (type === 'application/json') expect(problems(answered.json, content[type]?.schema ?? {}), what).toEqual([]);
}

const CONFIG = (web: WebServer): string => `checkinterval = 1
quiescent = yes
fallback = 127.0.0.1:9 masq
virtual = 10.0.0.1:80
	service = http
	servicename = shop
	real = 127.0.0.1:${web.port} masq 3
virtual = 7
	checktype = on
	real = 10.0.0.2 gate 5
	real = 10.0.0.3 gate 5
virtual6 = [2001:db8::1]:53
	protocol = udp
	checktype = off
	persistent = 600
	real6 = [2001:db8::2] gate
`;

const KEYS = ['tcp:10.0.0.1:80', 'fwm:7', 'udp:[2001:db8::1]:53'];
const ORDER = { op: 'drain', virtual: '7', real: '10.0.0.2:0' };

async function askAll({ client }: Site): Promise<void> {
  for (const path of ['/', '/openapi.json', '/api/v1/status', '/healthz', '/readyz', '/metrics'])
    check('GET', path, await client.get(path));
  for (const key of KEYS)
    check('GET', '/api/v1/services/{key}', await client.get(`/api/v1/services/${encodeURIComponent(key)}`));
}

test('what is answered is what is described', async () => {
  const web = await WebServer.start();
  web.mood = 'hang';
  const site = await siteOf(CONFIG(web));
  const { client, kernel } = site;
  const events = await client.events();
  await askAll(site);
  web.mood = 'ok';
  web.closeConnections();
  await until('ready', async () => (await client.get('/readyz')).status === 200);
  for (const order of [ORDER, { ...ORDER, op: 'weight', weight: 9, real: 'all' }, { ...ORDER, op: 'recheck' }])
    check('POST', '/api/v1/orders', await client.order(order));
  await askAll(site);
  kernel.broken = true;
  web.mood = 'broken';
  await until('trouble', async () => (await client.get('/healthz')).status === 503);
  check('POST', '/api/v1/orders', await client.order({ ...ORDER, real: 'all' }));
  await askAll(site);
  kernel.broken = false;
  await until('the fallback', () => events.of('fallback').length > 0);
  await site.reload(site.daemon.config);
  await site.reload({ ...site.daemon.config, virtuals: [...site.daemon.config.virtuals] });
  await until('every event', () => new Set(events.all.map(({ event }) => event)).size === 6);
  for (const { event, data } of events.all) {
    const name = `Event${event.slice(0, 1).toUpperCase()}${event.slice(1)}`;
    expect(problems(data, { $ref: `#/components/schemas/${name}` }), event).toEqual([]);
  }
});

test('a server that flaps is described', async () => {
  const web = await WebServer.start();
  const { client } = await siteOf(`flapdamping = yes\n${CONFIG(web)}`);
  const server = async () => (await client.get('/api/v1/status')).json.virtuals[0].servers[0];
  for (const mood of ['ok', 'broken', 'ok', 'broken'] as const) {
    web.mood = mood;
    await until(mood, async () => (await server()).state === (mood === 'ok' ? 'up' : 'down'));
  }
  expect(await server()).toMatchObject({ damping: { downs: 2, successesNeeded: 2 } });
  check('GET', '/api/v1/status', await client.get('/api/v1/status'));
  check('GET', '/api/v1/services/{key}', await client.get('/api/v1/services/tcp%3A10.0.0.1%3A80'));
});

test('what is refused is described, too', async () => {
  const web = await WebServer.start();
  const site = await siteOf(CONFIG(web));
  const { client } = site;
  check('GET', '/', await client.get('/', { 'If-None-Match': (await client.get('/')).headers.etag ?? '' }));
  for (const path of Object.keys(API.paths).filter((each) => each !== '/api/v1/orders'))
    check('GET', path, await client.get(path.replace('{key}', 'x'), { Host: 'evil.example' }));
  for (const key of ['nothing', '%ff'])
    check('GET', '/api/v1/services/{key}', await client.get(`/api/v1/services/${key}`));
  for (const [order, headers] of [
    ['', {}],
    [{ ...ORDER, real: 'nobody' }, {}],
    [{ ...ORDER, real: 'x'.repeat(5000) }, {}],
    [ORDER, { 'Content-Type': 'text/plain' }],
    [ORDER, { Origin: 'http://evil.example' }],
  ] as const)
    check('POST', '/api/v1/orders', await client.order(order, headers));
  const wrong = { Authorization: 'Bearer wrong' };
  for (let tries = 0; tries < 12; tries++) check('POST', '/api/v1/orders', await client.order(ORDER, wrong));
});

test('where the network may ask', async () => {
  const web = await WebServer.start();
  const { client } = await siteOf(CONFIG(web), { listen: { kind: 'tcp', address: '0.0.0.0', family: 4, port: 0 } });
  const open = ['/', '/openapi.json', '/api/v1/orders'];
  for (let tries = 0; tries < 3; tries++) {
    for (const path of Object.keys(API.paths).filter((each) => !open.includes(each)))
      check('GET', path, await client.get(path.replace('{key}', 'x'), { Authorization: 'Bearer wrong' }));
  }
  check('GET', '/events', await client.get('/events', { Authorization: 'Bearer wrong' }));
});

test('too many are described', async () => {
  const web = await WebServer.start();
  const site = await siteOf(CONFIG(web));
  await Promise.all(Array.from({ length: 64 }, () => site.client.events()));
  check('GET', '/events', await site.client.get('/events'));
  site.kernel.hanging = true;
  const paths = ['/api/v1/status', '/metrics', '/api/v1/services/{key}'];
  const asked = Array.from({ length: 16 }, () =>
    site.client
      .begin('/api/v1/status')
      .on('error', () => {})
      .end(),
  );
  await until('too many', async () => {
    const answered = await site.client.ask('/metrics', { timeout: 1_000 }).catch(() => undefined);
    return answered?.status === 503;
  });
  for (const path of paths) check('GET', path, await site.client.get(path.replace('{key}', 'fwm%3A7')));
  for (const request of asked) request.destroy();
  site.kernel.hanging = false;
});

test('nothing is described that was not seen', () => {
  const described = Object.entries(API.paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { responses }]) =>
      Object.keys(responses).map((status) => `${method.toUpperCase()} ${path} ${status}`),
    ),
  );
  // A stream without end cannot be compared like the others.
  seen.add('GET /events 200');
  expect(described.filter((each) => !seen.has(each))).toEqual([]);
  expect(API.openapi).toBe('3.1.0');
});

test('every reference and every schema is used', () => {
  const text = JSON.stringify(API);
  for (const [kind, all] of Object.entries(API.components)) {
    for (const name of Object.keys(all))
      if (kind !== 'securitySchemes' && !/^Event/.test(name)) expect(text).toContain(`#/components/${kind}/${name}"`);
  }
  for (const [, ref = ''] of text.matchAll(/"\$ref":"([^"]+)"/g)) expect(pointed({ $ref: ref })).toBeDefined();
});

test('the file is what is served', async () => {
  const web = await WebServer.start();
  const { client } = await siteOf(CONFIG(web));
  expect((await client.get('/openapi.json')).json).toEqual(API);
});
