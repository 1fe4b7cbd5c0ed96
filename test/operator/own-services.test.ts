// Which services of the table are ours: what is kept, when it is kept, and what the next daemon finds.
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { OwnServices } from '../../src/operator/own-services.ts';
import { peek, State } from '../../src/operator/state.ts';
import { LogLines } from '../log-lines.ts';
import { scratch } from '../scratch.ts';

const [WEB, MAIL, DNS] = ['tcp:10.0.0.1:80', 'tcp:10.0.0.1:25', 'udp:10.0.0.1:53'] as const;

test.for<[what: string, act: (own: OwnServices) => Promise<void> | void, told: string[], left: string[]]>([
  ['new ones are told, once', (own) => own.add([DNS, DNS]), [`+${DNS}`, 'written'], [WEB, MAIL, DNS]],
  ['known ones are no news', (own) => own.add([WEB]), [], [WEB, MAIL]],
  ['those that are gone are told', (own) => own.keepOnly(new Set([MAIL])), [`-${WEB}`], [MAIL]],
  ['all that are there stay', (own) => own.keepOnly(new Set([MAIL, WEB])), [], [WEB, MAIL]],
])('%s', async ([, act, expected, left]) => {
  const told: string[] = [];
  const own = new OwnServices(
    (key, isOwn) => told.push(`${isOwn ? '+' : '-'}${key}`),
    async () => told.push('written'),
  );
  own.restore([WEB, MAIL]);
  await act(own);
  expect(told).toEqual(expected);
  expect([...own.all]).toEqual(left);
});

async function opened(path: string): Promise<{ state: State; log: LogLines }> {
  const log = new LogLines();
  const state = await State.open(path, () => log);
  onTestFinished(() => state.close());
  return { state, log };
}

test('they are in the file when add resolves, and the next daemon has them, twice', async () => {
  const path = join(scratch(), 'a.state');
  const { state } = await opened(path);
  await state.ownServices.add([WEB, MAIL, DNS]);
  expect([...(await peek(path)).ownServices]).toEqual([WEB, MAIL, DNS]);
  state.ownServices.keepOnly(new Set([WEB, DNS]));
  await state.close();
  for (let times = 0; times < 2; times++) {
    const { state: next, log } = await opened(path);
    expect([...next.ownServices.all]).toEqual([WEB, DNS]);
    expect(log.lines).toEqual([]);
    await next.close();
  }
});

test('a file that is written anew has them', async () => {
  const path = join(scratch(), 'a.state');
  const first = await opened(path);
  await first.state.ownServices.add([WEB]);
  await first.state.close();
  appendFileSync(path, '{"torn');
  const { state } = await opened(path);
  await state.close();
  expect([...(await peek(path)).ownServices]).toEqual([WEB]);
});

test('of another boot there is none: its table is gone, and who has the service now is not known', async () => {
  const path = join(scratch(), 'a.state');
  const { state } = await opened(path);
  await state.ownServices.add([WEB]);
  await state.close();
  const { boot } = JSON.parse(readFileSync(path, 'utf8').split('\n')[1] ?? '') as { boot: string };
  expect(boot).toMatch(/^[0-9a-f-]{36}$/);
  appendFileSync(path, `${JSON.stringify({ service: WEB, boot: 'another' })}\n`);
  expect([...(await peek(path)).ownServices]).toEqual([]);
});

test.each([
  ['no boot', `{"service":"${WEB}"}`],
  ['a boot that is none', `{"service":"${WEB}","boot":7}`],
  ['a service that is none', '{"service":7,"boot":null}'],
])('a line with %s makes no sense, and the others count', async (_, line) => {
  const path = join(scratch(), 'a.state');
  const first = await opened(path);
  await first.state.ownServices.add([MAIL]);
  await first.state.close();
  appendFileSync(path, `${line}\n`);
  const { state, log } = await opened(path);
  expect([...state.ownServices.all]).toEqual([MAIL]);
  expect(log.lines.join()).toContain('1 of its lines make no sense, the others count');
});
