// Server-sent events: who listens is told what changes, and who does not read is let go.
import { connect } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { configOf } from '../../config-of.ts';
import { until } from '../../until.ts';
import { WebServer } from '../../web-server.ts';
import { hurried, type Site, siteOf } from './site.ts';

const FAST = 'checkinterval = 1\nnegotiatetimeout = 5\nquiescent = yes\n';
const DRAIN = { op: 'drain', virtual: '10.0.0.1:80', real: '10.0.0.2:80' };

function constant(reals: number, virtuals = 1): string {
  return Array.from(
    { length: virtuals },
    (_, index) =>
      `virtual = 10.0.${index}.1:80\n\tchecktype = on\n\treal = 10.9.${index}.1->10.9.${index}.${reals}:80 gate 5\n`,
  ).join('');
}

async function webSite(more = '') {
  const web = await WebServer.start();
  const site = await siteOf(
    `${FAST}${more}virtual = 10.0.0.1:80\n\tservice = http\n\treceive = "found"\n\treal = 127.0.0.1:${web.port} masq 3\n`,
  );
  await until('ready', async () => (await site.client.get('/readyz')).status === 200);
  return { ...site, server: web, name: `127.0.0.1:${web.port}` };
}

/** A listener that asks and then never reads. */
function deafListener({ client }: Site) {
  const socket = connect({ port: client.port, host: '127.0.0.1' });
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => {});
  socket.pause();
  socket.write('GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n');
  return socket;
}

test('says hello, and that it is alive', async () => {
  const { client } = await siteOf(constant(1));
  const events = await client.events();
  expect(events.headers).toMatchObject({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
  });
  await until('two signs of life', () => events.of('alive').length >= 2);
  expect(events.all[0]).toMatchObject({ event: 'hello', data: { version: '1.2.3', pid: 4711, state: 'running' } });
  expect(events.of('alive')[0].now).toBeGreaterThan(Date.now() - 5_000);
  expect(events.of('server')).toEqual([]);
});

test('a server that fails is told at once, with its weight in the kernel, and so is its recovery', async () => {
  const { client, server, name } = await webSite();
  const events = await client.events();
  server.mood = 'broken';
  const isTold = (state: string, weight: number) => () =>
    events.of('server').find((each) => each.server.state === state && each.server.kernel?.weight === weight);
  expect(await until('down', isTold('down', 0), () => JSON.stringify(events.all))).toMatchObject({
    virtual: 'tcp:10.0.0.1:80',
    server: { name, reason: expect.stringContaining('500') },
  });
  server.mood = 'ok';
  await until('up', isTold('up', 3), () => JSON.stringify(events.all));
});

test('orders are told, also where the kernel has nothing to change', async () => {
  const web = await WebServer.start();
  web.mood = 'broken';
  const site = await siteOf(
    `${FAST}virtual = 10.0.0.1:80\n\tservice = http\n\treal = 127.0.0.1:${web.port} masq 3\n\tfailurecount = 1\n`,
  );
  await until('down', async () => {
    const { json } = await site.client.get('/api/v1/status');
    return json.virtuals[0].servers[0].state === 'down';
  });
  const events = await site.client.events();
  const order = { op: 'weight', virtual: 'all', real: 'all', weight: 7 };
  expect((await site.client.order(order)).status).toBe(200);
  await until('the weight', () =>
    events.of('server').some(({ server }) => server.override?.kind === 'weight' && server.override.weight === 7),
  );
});

test('a fallback that comes in is told', async () => {
  const { client, server } = await webSite('fallback = 127.0.0.1:9 masq\n');
  const events = await client.events();
  server.mood = 'broken';
  await until('fallback', () =>
    events.of('fallback').some(({ virtual, fallback }) => virtual === 'tcp:10.0.0.1:80' && fallback.active),
  );
});

test('what somebody else does to the kernel’s table is told', async () => {
  const { client, kernel } = await siteOf(constant(1), { gatherMs: 10 });
  const events = await client.events();
  await until('a first look', () => events.of('alive').length >= 2);
  const [service] = kernel.table.values();
  const [destination] = service?.destinations.values() ?? [];
  if (service === undefined || destination === undefined) throw new Error('nothing in the table');
  await kernel.apply([{ kind: 'edit-destination', service, destination: { ...destination, weight: 1 }, role: 'real' }]);
  await until('the weight', () =>
    events.of('server').some(({ server }) => server.kernel.weight === 1 && /5 wanted/.test(server.differs)),
  );
});

test('trouble with the table is told, and its end', async () => {
  const { client, kernel, server } = await webSite();
  const events = await client.events();
  kernel.broken = true;
  server.mood = 'broken';
  await until('trouble', () => events.of('head').some(({ trouble }) => /ipvsadm is broken/.test(trouble)));
  kernel.broken = false;
  await until('none', () => events.of('head').at(-1)?.trouble === undefined);
});

test('a reload is told once it is in force, and nothing of the servers before it', async () => {
  const { client, reload } = await siteOf(constant(2));
  const events = await client.events();
  await reload(hurried(configOf(constant(3))));
  await until('reload', () => events.of('reload').length === 1);
  const { json } = await client.get('/api/v1/status');
  expect(json.virtuals[0].servers).toHaveLength(3);
  expect(events.of('head').at(-1).configuredAt).toBeGreaterThan(events.of('hello')[0].configuredAt);
});

test('too many changes at once are told as one', async () => {
  const { client } = await siteOf(constant(200, 3));
  const events = await client.events();
  expect((await client.order({ ...DRAIN, virtual: 'all', real: 'all' })).status).toBe(200);
  await until('reload', () => events.of('reload').length === 1);
  expect(events.of('server')).toEqual([]);
});

describe('bounds', () => {
  test('who reads nothing is let go, and the others are told all', async () => {
    const site = await siteOf(constant(200, 2), { unreadMs: 2_500 });
    const deaf = deafListener(site);
    const events = await site.client.events();
    await until('both listen', () => site.web.listeners === 2);
    const before = process.memoryUsage().arrayBuffers;
    let rounds = 0;
    // About 100 KiB each time: the kernel's buffers are full after some tens of them.
    const isGone = async () => {
      rounds++;
      const order = { op: 'weight', virtual: 'all', real: 'all', weight: rounds };
      await site.source.order(order as Parameters<typeof site.source.order>[0], 'by a test');
      await until('told', () => events.of('server').at(-1)?.server.override?.weight === rounds);
      return site.web.listeners === 1;
    };
    await until('let go', isGone, () => `${site.web.listeners} listen`, 20_000);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024);
    expect(events.ended).toBe(false);
    deaf.destroy();
  });

  test('no more than 64 listen, and who has gone makes room', async () => {
    const { client, web } = await siteOf(constant(1));
    const sockets = await Promise.all(Array.from({ length: 64 }, () => client.events()));
    expect(sockets).toHaveLength(64);
    const refused = await client.get('/events');
    expect(refused).toMatchObject({ status: 503, json: { error: '64 others listen already' } });
    expect(web.listeners).toBe(64);
  });

  test('the end of the status page ends them', async () => {
    const { client, web } = await siteOf(constant(1));
    const events = await client.events();
    await web.off();
    await until('the end', () => events.ended);
    expect(web.listeners).toBe(0);
  });
});
