// The clock is set forward by a day, and back, or the machine was suspended, which looks like the former: only what is told of times
// differs. The real program, whose clock a module that is loaded before it sets.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { scratch } from '../scratch.ts';
import { until } from '../until.ts';
import { Director } from './director.ts';

const DAY_MS = 86_400_000;
const MODULE = fileURLToPath(new URL('set-clock.cjs', import.meta.url));

test('forward by a day, and back, and back once more', { timeout: 60_000 }, async () => {
  const file = join(scratch(), 'clock');
  const set = (days: number) => writeFileSync(file, String(days * DAY_MS));
  set(0);
  const director = await Director.start({ within: ['env', `SET_CLOCK=${file}`, `NODE_OPTIONS=--require ${MODULE}`] });
  const [first] = director.servers;
  const said = ['The clock went forward by 1 d 0 h', 'The clock was set back by 1 d 0 h'];
  /** A server goes down and comes back, a reload is obeyed, and whoever looks sees all of them. */
  const goesOn = async (weight: number) => {
    if (first === undefined) throw new Error('no server');
    await director.checksGoOn();
    first.mood = 'broken';
    await director.reaches([0, weight - 1, weight - 1]);
    first.mood = 'ok';
    await director.reaches([weight - 1, weight - 1, weight - 1]);
    director.configure({ weight });
    expect(await director.run('reload', '--wait')).toMatchObject({ code: 0 });
    await director.reaches([weight, weight, weight]);
    const { stdout } = await director.run('show');
    expect(stdout).toContain('3 of 3 real servers');
    expect(stdout).not.toMatch(/NaN|Invalid|-\d+ ?(s|min|m|h|d)\b/);
  };
  set(1);
  await until(
    'word of it',
    () => director.told(said[0] ?? '').length === 1,
    () => director.site.log,
  );
  await goesOn(2);
  set(0);
  await until(
    'word of it',
    () => director.told(said[1] ?? '').length === 1,
    () => director.site.log,
  );
  await goesOn(3);
  set(-1);
  await until(
    'word of it',
    () => director.told(said[1] ?? '').length === 2,
    () => director.site.log,
  );
  await goesOn(4);
  expect(director.told('The clock')).toHaveLength(3);
  expect(director.failures.filter((line) => !line.includes(`:${first?.port} `))).toEqual([]);
  // The next one begins a day after the last: what it was told of is kept.
  expect(await director.stop()).toMatchObject({ code: 0 });
  set(0);
  expect(await director.run('start')).toMatchObject({ code: 0 });
  await director.reaches([4, 4, 4]);
  const { virtuals } = JSON.parse((await director.run('show', '--json')).stdout);
  expect(virtuals[0].servers).toHaveLength(3);
  expect(director.told('damaged')).toEqual([]);
  await director.stop();
});
