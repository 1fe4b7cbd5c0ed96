// The operator's orders through the real program's control socket: what is answered, what is logged, and what outlives the daemon.
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import type { Answer } from '../../src/status/control.ts';
import type { DaemonSnapshot } from '../../src/status/snapshot.ts';
import { until } from '../until.ts';
import { WebServer } from '../web-server.ts';
import { Site, signal } from './program.ts';

const http = (web: WebServer): string =>
  `checkinterval = 1\nvirtual = 10.0.0.1:80\n\tservice = http\n\treceive = found\n\treal = 127.0.0.1:${web.port} masq 3\n`;

/** A line of JSON in, a line of JSON out, as any program may speak with it. */
function ask(site: Site, question: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let said = '';
    const socket = connect(`${site.pidFile}.sock`, () => socket.write(`${JSON.stringify(question)}\n`));
    socket.setTimeout(8_000, () => socket.destroy(new Error('no answer')));
    socket.on('error', reject).on('close', () => resolve(JSON.parse(said)));
    socket.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  });
}

async function show(site: Site) {
  const answer = await ask(site, { op: 'show' });
  if ('error' in answer) throw new Error(answer.error);
  const [server] = (answer.value as DaemonSnapshot).virtuals[0]?.servers ?? [];
  return { state: server?.state, held: server?.heldDown, override: server?.override, weight: server?.kernel?.weight };
}

const shows = (site: Site, wanted: object): Promise<unknown> =>
  until(
    JSON.stringify(wanted),
    async () => {
      const seen = await show(site);
      return Object.entries(wanted).every(([key, value]) => seen[key as keyof typeof seen] === value);
    },
    async () => JSON.stringify(await show(site)),
  );

test('drain, a kill, a start, enable', async () => {
  const web = await WebServer.start();
  const real = `127.0.0.1:${web.port}`;
  const site = new Site(http(web));
  expect((await site.run('start')).code).toBe(0);
  await shows(site, { state: 'up', weight: 3 });
  const drain = { op: 'drain', virtual: '10.0.0.1:80', real };
  expect(await ask(site, drain)).toEqual({ value: [{ virtual: '10.0.0.1:80', real, done: 'is drained' }] });
  // What is answered is on the disk: no time is left for anything else.
  signal(site.pid, 'SIGKILL');
  await site.ended();
  const path = `${site.pidFile}.state`;
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect((await site.run('start')).code).toBe(0);
  await shows(site, { state: 'up', held: 'drained by the operator' });
  expect(await show(site)).toMatchObject({ override: { kind: 'drain' } });
  // Nobody knew it in this table, which is a new one.
  expect((await show(site)).weight).toBeUndefined();
  expect(site.lines).toContainEqual(
    expect.stringMatching(`The operator's orders from before count: ${real} \\(10.0.0.1:80\\) is drained since 20`),
  );
  const starts = site.lines.filter((line) => line.includes('Added real server'));
  expect(starts).toHaveLength(1);
  const enable = { ...drain, op: 'enable' };
  expect(site.lines).toContain(
    `Real server ${real} (10.0.0.1:80) is drained, ordered by the operator through the control socket`,
  );
  expect(await ask(site, enable)).toEqual({
    value: [{ virtual: '10.0.0.1:80', real, done: 'is enabled: its checks decide again' }],
  });
  expect(await show(site)).toEqual({ state: 'up', held: undefined, override: undefined, weight: 3 });
  expect((await site.run('stop')).code).toBe(0);
  const turns = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  expect(turns.map((line) => JSON.parse(line).to).filter(Boolean)).toEqual(['up', 'held', 'released']);
});

test('a weight and a recheck; a reload keeps them', async () => {
  const web = await WebServer.start();
  const site = new Site(http(web).replace('checkinterval = 1', 'checkinterval = 600'));
  expect((await site.run('start')).code).toBe(0);
  await shows(site, { state: 'up', weight: 3 });
  await ask(site, { op: 'weight', virtual: 'all', real: 'all', weight: 50 });
  await shows(site, { weight: 50 });
  expect(await ask(site, { op: 'reload' })).not.toHaveProperty('error');
  await shows(site, { weight: 50, state: 'up' });
  web.mood = 'broken';
  expect(await ask(site, { op: 'recheck' })).toMatchObject({ value: [{ done: 'is being checked' }] });
  await shows(site, { state: 'down', weight: undefined });
  web.mood = 'ok';
  await ask(site, { op: 'recheck', virtual: '10.0.0.1:80' });
  await shows(site, { state: 'up', weight: 50 });
});

test('what makes no sense is told, and changes nothing', async () => {
  const site = new Site();
  expect((await site.run('start')).code).toBe(0);
  const answers = [
    { op: 'drain' },
    { op: 'drain', virtual: 'all' },
    { op: 'drain', virtual: '10.9.9.9:80', real: 'all' },
    { op: 'weight', virtual: 'all', real: 'all', weight: '5' },
    { op: 'constructor', virtual: 'all', real: 'all' },
  ].map((question) => ask(site, question));
  expect((await Promise.all(answers)).map((answer) => ('error' in answer ? answer.error : answer))).toEqual([
    'it is not said which virtual service is meant; "all" is all of them',
    'it is not said which real server is meant; "all" is all of them',
    'there is no virtual service "10.9.9.9:80"; there is 10.0.0.1:80',
    'a weight is a whole number from 0 to 65535',
    'this daemon does not know "constructor"',
  ]);
  expect(await show(site)).toMatchObject({ state: 'up', weight: 1 });
});

test('a state file that is garbage keeps no daemon from starting', async () => {
  const site = new Site();
  writeFileSync(`${site.pidFile}.state`, '\0\0garbage\n{"server":1}\n');
  expect(await site.run('start')).toMatchObject({ code: 0, stderr: '' });
  const damaged = `The state file ${site.pidFile}.state is damaged: 2 of its lines make no sense`;
  await until('word of it', () => site.log.includes(damaged));
  expect(existsSync(`${site.pidFile}.state.damaged`)).toBe(true);
  expect((await ask(site, { op: 'drain', virtual: 'all', real: 'all' })) as object).toHaveProperty('value');
  expect(await show(site)).toMatchObject({ weight: 0, held: 'drained by the operator' });
});
